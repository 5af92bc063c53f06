import type { Columns, Engine } from './engine.ts'
import { at, fieldTables, MODULUS } from './field.ts'
import { RLC_BYTES } from './limits.ts'
import { errorLocator } from './locator.ts'
import { ceilPowerOfTwo, type Layout } from './shape.ts'
import { addRow, forEachSymbol, forwardTransform, inverseTransform, scaleRow, type Work } from './transform.ts'

/** The code exactly as its specification writes it. Slow; the oracle of every other form. */
export const plainEngine: Engine = { encode, restore, combine }

function encode(data: Uint8Array, parity: Uint8Array, { k, n, rowBytes }: Layout, columns?: Columns): void {
  const { from, to } = columns ?? { from: 0, to: rowBytes }
  const width = to - from
  const places = ceilPowerOfTwo(n)
  const sum: Work = { bytes: new Uint8Array(places * width), rowBytes: width, tables: fieldTables() }
  // n >= k in every shape of rsema1d, so the originals are one group.
  for (let i = 0; i < k; i++) sum.bytes.set(data.subarray(i * rowBytes + from, i * rowBytes + to), i * width)
  inverseTransform(sum, places, places)
  forwardTransform(sum, places)
  for (let i = 0; i < n; i++) parity.set(sum.bytes.subarray(i * width, (i + 1) * width), i * rowBytes + from)
}

function restore(data: Uint8Array, present: Uint8Array, parity: ReadonlyMap<number, Uint8Array>, layout: Layout): void {
  const { k, n, rowBytes } = layout
  const tables = fieldTables()
  const locator = errorLocator(present, parity, layout)
  const places = ceilPowerOfTwo(n)
  const count = ceilPowerOfTwo(places + k)
  const work: Work = { bytes: new Uint8Array(count * rowBytes), rowBytes, tables }
  const rowAt = (place: number): Uint8Array => work.bytes.subarray(place * rowBytes, (place + 1) * rowBytes)
  for (const [index, row] of parity) scaleRow(tables, rowAt(index), row, at(locator, index))
  for (let i = 0; i < k; i++) {
    if (present[i] !== 1) continue
    scaleRow(tables, rowAt(places + i), data.subarray(i * rowBytes, (i + 1) * rowBytes), at(locator, places + i))
  }
  inverseTransform(work, count, 0)
  differentiate(work, count)
  forwardTransform(work, count)
  for (let i = 0; i < k; i++) {
    if (present[i] === 1) continue
    const target = data.subarray(i * rowBytes, (i + 1) * rowBytes)
    scaleRow(tables, target, rowAt(places + i), MODULUS - at(locator, places + i))
  }
}

/** Formal derivative in the transform's basis. */
function differentiate(work: Work, count: number): void {
  for (let i = 1; i < count; i++) {
    const width = ((i ^ (i - 1)) + 1) >>> 1
    for (let j = 0; j < width; j++) addRow(work, i - width + j, i + j)
  }
}

function combine(rows: readonly Uint8Array[], _rowBytes: number, coefficients: Uint16Array): Uint8Array {
  const { log, exp } = fieldTables()
  const out = new Uint8Array(rows.length * RLC_BYTES)
  const sums = new Uint16Array(8)
  for (const [index, row] of rows.entries()) {
    sums.fill(0)
    forEachSymbol(row, (value, _, symbol) => {
      if (value === 0) return
      const valueLog = at(log, value)
      for (let limb = 0; limb < 8; limb++) {
        const coefficient = at(coefficients, 8 * symbol + limb)
        if (coefficient === 0) continue
        const sum = valueLog + at(log, coefficient)
        sums[limb] = at(sums, limb) ^ at(exp, (sum + (sum >>> 16)) & MODULUS)
      }
    })
    for (let limb = 0; limb < 8; limb++) {
      out[index * RLC_BYTES + 2 * limb] = at(sums, limb) & 0xff
      out[index * RLC_BYTES + 2 * limb + 1] = at(sums, limb) >>> 8
    }
  }
  return out
}
