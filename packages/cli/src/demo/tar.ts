import { ZerogError } from '@zerog/primitives'

const BLOCK = 512

export type TarEntry = { readonly path: string; readonly bytes: Uint8Array }

/** A POSIX ustar archive. The same entries always give the same bytes: no times, owners or modes of this machine. */
export function packTar(entries: readonly TarEntry[]): Uint8Array {
  const parts: Uint8Array[] = []
  for (const entry of entries) {
    parts.push(headerOf(entry), entry.bytes, new Uint8Array(padding(entry.bytes.length)))
  }
  parts.push(new Uint8Array(2 * BLOCK))
  const archive = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    archive.set(part, offset)
    offset += part.length
  }
  return archive
}

/** Reads what `packTar` wrote. */
export function unpackTar(archive: Uint8Array): readonly TarEntry[] {
  const entries: TarEntry[] = []
  for (let offset = 0; offset + BLOCK <= archive.length; ) {
    const header = archive.subarray(offset, offset + BLOCK)
    if (header.every((byte) => byte === 0)) break
    if (checksumOf(header) !== Number.parseInt(textAt(header, 148, 8), 8)) {
      throw new ZerogError('VERIFICATION_FAILED', { message: `the archive is damaged at byte ${offset}` })
    }
    const size = Number.parseInt(textAt(header, 124, 12), 8)
    const prefix = textAt(header, 345, 155)
    const name = textAt(header, 0, 100)
    entries.push({
      path: prefix === '' ? name : `${prefix}/${name}`,
      bytes: archive.subarray(offset + BLOCK, offset + BLOCK + size),
    })
    offset += BLOCK + size + padding(size)
  }
  return entries
}

function headerOf({ path, bytes }: TarEntry): Uint8Array {
  const header = new Uint8Array(BLOCK)
  const put = (text: string, at: number): void => void header.set(new TextEncoder().encode(text), at)
  const { name, prefix } = splitPath(path)
  put(name, 0)
  put('0000644\0', 100)
  put('0000000\0', 108)
  put('0000000\0', 116)
  put(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124)
  put('00000000000\0', 136)
  put('0', 156)
  put('ustar\x0000', 257)
  put(prefix, 345)
  put(`${checksumOf(header).toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

/** 100 bytes of name, 155 of prefix, cut at a slash. */
function splitPath(path: string): { readonly name: string; readonly prefix: string } {
  const bytes = (text: string): number => new TextEncoder().encode(text).length
  if (bytes(path) <= 100) return { name: path, prefix: '' }
  for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)]
    if (bytes(name) <= 100 && bytes(prefix) <= 155) return { name, prefix }
  }
  throw new ZerogError('LIMIT_EXCEEDED', { message: `${path} is too long a path for an archive` })
}

function checksumOf(header: Uint8Array): number {
  return header.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : byte), 0)
}

function textAt(header: Uint8Array, at: number, length: number): string {
  const field = header.subarray(at, at + length)
  const end = field.indexOf(0)
  return new TextDecoder().decode(end === -1 ? field : field.subarray(0, end)).trim()
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}
