import { assert } from '@zerog/primitives'

/** A file is its root together with its size: sizes that differ only in trailing zeros share a root. */
export type FileKey = { readonly root: Uint8Array; readonly sizeBytes: number }
export type SegmentKey = FileKey & { readonly index: number }

export const FILE_KEY_BYTES = 40
export const SEGMENT_KEY_BYTES = 44

/** root (32) | size (8, big-endian): the prefix under which a node finds all segments of a file. */
export function encodeFileKey(file: FileKey): Uint8Array {
  assert(file.root.length === 32, 'a root has 32 bytes')
  const out = new Uint8Array(FILE_KEY_BYTES)
  out.set(file.root)
  new DataView(out.buffer).setBigUint64(32, BigInt(file.sizeBytes))
  return out
}

/** File key | index (4, big-endian), so that segments of a file lie in order. */
export function encodeSegmentKey(segment: SegmentKey): Uint8Array {
  const out = new Uint8Array(SEGMENT_KEY_BYTES)
  out.set(encodeFileKey(segment))
  new DataView(out.buffer).setUint32(FILE_KEY_BYTES, segment.index)
  return out
}

/** undefined for bytes that no segment key has. */
export function decodeSegmentKey(bytes: Uint8Array): SegmentKey | undefined {
  if (bytes.length !== SEGMENT_KEY_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const size = view.getBigUint64(32)
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) return undefined
  return { root: bytes.slice(0, 32), sizeBytes: Number(size), index: view.getUint32(FILE_KEY_BYTES) }
}

/** A short text for maps and logs. */
export function fileKeyText(file: FileKey): string {
  return `${Buffer.from(file.root).toString('hex')}:${file.sizeBytes}`
}
