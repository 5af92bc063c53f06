import { HASH_BYTES, PACK_BYTES_MAX, RLC_BYTES } from '../../limits.ts'

/** What a node keeps beside the rows of a bundle. */
export type Manifest = {
  readonly rowRoot: Uint8Array
  /** k * 16 bytes */
  readonly rlc: Uint8Array
  /** Rows in the order in which they lie in the packs. */
  readonly indexes: readonly number[]
}

/** How rows lie in packs: a fixed stride, so that a row is found by arithmetic and read alone. */
export type PackLayout = {
  readonly rowBytes: number
  readonly pathBytes: number
  readonly strideBytes: number
  /** In every pack but the last one. */
  readonly rowsPerPack: number
}

const VERSION = 1
const HEADER_BYTES = 1 + HASH_BYTES + 4

export function packLayout({
  k,
  n,
  rowBytes,
}: {
  readonly k: number
  readonly n: number
  readonly rowBytes: number
}): PackLayout {
  const pathBytes = Math.log2(k + n) * HASH_BYTES
  const strideBytes = rowBytes + pathBytes
  return { rowBytes, pathBytes, strideBytes, rowsPerPack: Math.floor(PACK_BYTES_MAX / strideBytes) }
}

/** Version ‖ row root ‖ u32 rows ‖ u16 per row ‖ RLC vector. The largest code has 16,384 rows: at most 96 KiB. */
export function encodeManifest({ rowRoot, rlc, indexes }: Manifest): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + 2 * indexes.length + rlc.length)
  const view = new DataView(bytes.buffer)
  bytes[0] = VERSION
  bytes.set(rowRoot, 1)
  view.setUint32(1 + HASH_BYTES, indexes.length)
  for (const [place, index] of indexes.entries()) view.setUint16(HEADER_BYTES + 2 * place, index)
  bytes.set(rlc, HEADER_BYTES + 2 * indexes.length)
  return bytes
}

/** @returns undefined for anything that `encodeManifest` did not write for `k` original rows */
export function decodeManifest(bytes: Uint8Array, k: number): Manifest | undefined {
  if (bytes.length < HEADER_BYTES || bytes[0] !== VERSION) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const count = view.getUint32(1 + HASH_BYTES)
  if (bytes.length !== HEADER_BYTES + 2 * count + k * RLC_BYTES) return undefined
  return {
    rowRoot: bytes.slice(1, 1 + HASH_BYTES),
    rlc: bytes.slice(HEADER_BYTES + 2 * count),
    indexes: Array.from({ length: count }, (_, place) => view.getUint16(HEADER_BYTES + 2 * place)),
  }
}
