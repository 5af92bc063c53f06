import { crc32 } from 'node:zlib'

/** Rows that writer and checker derive from a number alone. */
export function rowKey(n: number): Uint8Array {
  const key = new Uint8Array(12)
  const view = new DataView(key.buffer)
  // Scattered over the tree, the number itself behind it.
  view.setUint32(0, Math.imul(n, 2_654_435_761) >>> 0)
  view.setUint32(8, n)
  return key
}

export function rowNumber(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset).getUint32(8)
}

export function rowValue(n: number, sizeMax: number): Uint8Array {
  const size = 1 + (crc32(rowKey(n)) % sizeMax)
  return new Uint8Array(size).map((_, index) => (index * 7 + n * 31 + (index >> 8)) & 255)
}

/** Mostly small, so that much of a store is structure; every tenth is larger than a page. */
export function mixedValue(n: number): Uint8Array {
  return rowValue(n, n % 10 === 0 ? 6000 : 80)
}
