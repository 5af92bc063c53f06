import { ZerogError } from '@zerog/primitives'

export type RlpItem = Uint8Array | readonly RlpItem[]

/** Nothing that a light client reads is nested deeper. */
const DEPTH_MAX = 4

export function refuse(problem: string): never {
  throw new ZerogError('PROOF_INVALID', { message: `proof refused: ${problem}` })
}

/** The one item in `input`, in its only encoding (yellow paper, appendix B). Throws PROOF_INVALID. */
export function decodeRlp(input: Uint8Array): RlpItem {
  const { item, end } = read(input, 0, input.length, 0)
  if (end !== input.length) refuse('bytes after the end of an item')
  return item
}

function read(input: Uint8Array, start: number, limit: number, depth: number): { item: RlpItem; end: number } {
  if (depth > DEPTH_MAX) refuse('lists are nested too deep')
  const head = start < limit ? (input[start] as number) : refuse('an item is missing')
  if (head < 0x80) return { item: input.subarray(start, start + 1), end: start + 1 }
  const isList = head >= 0xc0
  const { from, end } = payload(input, start, limit, head - (isList ? 0xc0 : 0x80))
  if (!isList) {
    if (end - from === 1 && (input[from] as number) < 0x80) refuse('a small byte has a head')
    return { item: input.subarray(from, end), end }
  }
  const items: RlpItem[] = []
  for (let at = from; at < end; ) {
    const next = read(input, at, end, depth + 1)
    items.push(next.item)
    at = next.end
  }
  return { item: items, end }
}

/** Where the payload of an item lies: `short` is its length, or 55 plus the length of its length. */
function payload(input: Uint8Array, start: number, limit: number, short: number): { from: number; end: number } {
  let from = start + 1
  let length = short
  if (short > 55) {
    const lengthBytes = short - 55
    // Two bytes of length cover everything within the limits.
    if (lengthBytes > 2) refuse('an item is too long')
    length = 0
    for (; from <= start + lengthBytes; from++) length = 256 * length + (input[from] ?? refuse('an item is cut off'))
    if (length < 56 || (lengthBytes === 2 && length < 256)) refuse('a length has a longer form than it needs')
  }
  const end = from + length
  if (end > limit) refuse('an item is cut off')
  return { from, end }
}

export function bytesOf(item: RlpItem | undefined, name: string, length?: number): Uint8Array {
  if (!(item instanceof Uint8Array)) return refuse(`${name} is not a byte string`)
  if (length !== undefined && item.length !== length) refuse(`${name} has ${item.length} bytes, not ${length}`)
  return item
}

export function listOf(item: RlpItem | undefined, name: string, length: number): readonly RlpItem[] {
  if (item === undefined || item instanceof Uint8Array) return refuse(`${name} is not a list`)
  if (item.length !== length) refuse(`${name} has ${item.length} items, not ${length}`)
  return item
}
