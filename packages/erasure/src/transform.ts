import { at, type FieldTables, MODULUS } from './field.ts'
import { CHUNK_BYTES } from './limits.ts'

/** Rows of a transform, one after the other; every symbol's column is transformed alike. */
export type Work = { readonly bytes: Uint8Array; readonly rowBytes: number; readonly tables: FieldTables }

/** Inverse transform of the first `count` rows, `offset` into the factors (reference 2.4). */
export function inverseTransform(work: Work, count: number, offset: number): void {
  for (let distance = 1; distance < count; distance *= 2) {
    for (let block = 0; block < count; block += 2 * distance) {
      const factor = at(work.tables.skew, offset + block + distance - 1)
      for (let i = block; i < block + distance; i++) {
        addRow(work, i + distance, i)
        if (factor !== MODULUS) addScaledRow(work, i, i + distance, factor)
      }
    }
  }
}

/** Transform of the first `count` rows. */
export function forwardTransform(work: Work, count: number): void {
  for (let distance = count / 2; distance >= 1; distance /= 2) {
    for (let block = 0; block < count; block += 2 * distance) {
      const factor = at(work.tables.skew, block + distance - 1)
      for (let i = block; i < block + distance; i++) {
        if (factor !== MODULUS) addScaledRow(work, i, i + distance, factor)
        addRow(work, i + distance, i)
      }
    }
  }
}

/** row[to] += row[from] */
export function addRow({ bytes, rowBytes }: Work, to: number, from: number): void {
  const target = to * rowBytes
  const source = from * rowBytes
  for (let i = 0; i < rowBytes; i++) bytes[target + i] = at(bytes, target + i) ^ at(bytes, source + i)
}

/** row[to] += row[from] times the element of logarithm `log` */
function addScaledRow({ bytes, rowBytes, tables }: Work, to: number, from: number, log: number): void {
  const target = bytes.subarray(to * rowBytes, (to + 1) * rowBytes)
  forEachSymbol(bytes.subarray(from * rowBytes, (from + 1) * rowBytes), (value, low) => {
    const product = scaled(tables, value, log)
    target[low] = at(target, low) ^ (product & 0xff)
    target[low + CHUNK_BYTES / 2] = at(target, low + CHUNK_BYTES / 2) ^ (product >>> 8)
  })
}

/** `target` = `source` times the element of logarithm `log`; 65535 means one. */
export function scaleRow(tables: FieldTables, target: Uint8Array, source: Uint8Array, log: number): void {
  forEachSymbol(source, (value, low) => {
    const product = scaled(tables, value, log)
    target[low] = product & 0xff
    target[low + CHUNK_BYTES / 2] = product >>> 8
  })
}

/**
 * A chunk of 64 bytes holds the 32 low bytes of its symbols, then the 32 high bytes.
 * @param visit gets the symbol, the offset of its low byte in the row, and its index in the row
 */
export function forEachSymbol(row: Uint8Array, visit: (value: number, low: number, index: number) => void): void {
  for (let chunk = 0, index = 0; chunk < row.length; chunk += CHUNK_BYTES) {
    for (let low = chunk; low < chunk + CHUNK_BYTES / 2; low++, index++) {
      visit(at(row, low) | (at(row, low + CHUNK_BYTES / 2) << 8), low, index)
    }
  }
}

function scaled({ log, exp }: FieldTables, value: number, by: number): number {
  if (value === 0) return 0
  const sum = at(log, value) + by
  return at(exp, (sum + (sum >>> 16)) & MODULUS)
}
