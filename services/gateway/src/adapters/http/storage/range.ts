export type ByteRange = { readonly offset: number; readonly length: number }

/**
 * One range of a `Range` header (RFC 9110, 14.1.2). 'whole': none, another unit, several ranges or bad syntax (a server may ignore
 * those); 'unsatisfiable': it begins beyond the end.
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | 'whole' | 'unsatisfiable' {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.replaceAll(' ', '') ?? '')
  if (match === null) return 'whole'
  const [, from = '', to = ''] = match
  if (from === '') {
    if (to === '') return 'whole'
    const length = Math.min(Number(to), sizeBytes)
    return length === 0 ? 'unsatisfiable' : { offset: sizeBytes - length, length }
  }
  const offset = Number(from)
  const last = to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1)
  if (to !== '' && Number(to) < offset) return 'whole'
  return offset >= sizeBytes ? 'unsatisfiable' : { offset, length: last - offset + 1 }
}
