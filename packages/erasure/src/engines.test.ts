import { describe, expect, it } from '@jest/globals'
import { equalBytes } from '@zerog/primitives'
import fc from 'fast-check'
import { createKernelEngine, plainEngine } from './engines.ts'
import { type Layout, shapeAtRate } from './shape.ts'
import { bytesOf, pick } from './testing.ts'

const layouts: fc.Arbitrary<Layout> = fc
  .tuple(fc.integer({ min: 0, max: 5 }), fc.constantFrom(1, 3, 7), fc.integer({ min: 1, max: 10 }))
  .map(([log, factor, chunks]) => ({ k: 2 ** log, n: factor * 2 ** log, rowBytes: 64 * chunks }))

describe.each([
  ['with relaxed SIMD where it exists', createKernelEngine()],
  ['without relaxed SIMD', createKernelEngine({ relaxed: false })],
])('the kernels %s give the bytes of plain TypeScript', (_, kernel) => {
  it('in encoding', () => {
    fc.assert(
      fc.property(layouts, fc.nat(), (layout, seed) => {
        const data = bytesOf(layout.k * layout.rowBytes, seed)
        same(encoded(kernel, data, layout), encoded(plainEngine, data, layout))
      }),
      { numRuns: 40 },
    )
  })

  it('in restoring, from k rows and from more', () => {
    fc.assert(
      fc.property(layouts, fc.nat(), fc.nat(3), (layout, seed, extra) => {
        const { k, n, rowBytes } = layout
        const data = bytesOf(k * rowBytes, seed)
        const parity = encoded(plainEngine, data, layout)
        const indices = pick(k + n, k + Math.min(extra, n), seed)
        const present = Uint8Array.from({ length: k }, (_, index) => Number(indices.includes(index)))
        const received = new Map(
          indices
            .filter((index) => index >= k)
            .map((index) => [index - k, parity.subarray((index - k) * rowBytes, (index - k + 1) * rowBytes)]),
        )
        for (const engine of [kernel, plainEngine]) {
          const damaged = data.slice()
          for (let index = 0; index < k; index++)
            if (present[index] === 0) damaged.fill(0xa5, index * rowBytes, (index + 1) * rowBytes)
          engine.restore(damaged, present, received, layout)
          same(damaged, data)
        }
      }),
      { numRuns: 40 },
    )
  })

  it('in combining, with zeros among symbols and coefficients', () => {
    fc.assert(
      fc.property(layouts, fc.nat(), ({ k, rowBytes }, seed) => {
        const rows = bytesOf(k * rowBytes, seed).map((value) => (value < 60 ? 0 : value))
        const coefficients = new Uint16Array(bytesOf(rowBytes * 8, seed + 1).map((value) => (value < 60 ? 0 : value)).buffer)
        const list = rowsOf(rows, rowBytes)
        same(kernel.combine(list, rowBytes, coefficients), plainEngine.combine(list, rowBytes, coefficients))
      }),
      { numRuns: 40 },
    )
  })

  it('in many rows, in rows wider than a block of columns, and in more bytes than the kernel holds', () => {
    for (const layout of [
      { ...shapeAtRate(1_024, '1/4'), rowBytes: 64 },
      { ...shapeAtRate(16, '1/4'), rowBytes: 1_088 },
      // Four thousand places and more: upper and lower layers apart, also where the last tree or column is not whole.
      { ...shapeAtRate(2_048, '1/4'), rowBytes: 64 },
      { k: 512, n: 7 * 512, rowBytes: 576 },
    ]) {
      const data = bytesOf(layout.k * layout.rowBytes, 3)
      same(encoded(kernel, data, layout), encoded(plainEngine, data, layout))
    }
    // 33 MiB in all: two stripes of columns. Each column is a code of its own, so single chunks tell.
    const wide = { ...shapeAtRate(1_024, '1/2'), rowBytes: 17_024 }
    const data = bytesOf(wide.k * wide.rowBytes, 4)
    const parity = encoded(kernel, data, wide)
    for (const column of [0, 448, 512, 16_320, 16_384, 16_960]) {
      const narrow = { ...wide, rowBytes: 64 }
      same(columnOf(parity, wide, column), encoded(plainEngine, columnOf(data, wide, column), narrow))
    }
    const restored = new Uint8Array(data.length)
    const received = new Map(
      Array.from({ length: wide.n }, (_, i) => [i, parity.subarray(i * wide.rowBytes, (i + 1) * wide.rowBytes)]),
    )
    kernel.restore(restored, new Uint8Array(wide.k), received, wide)
    same(restored, data)
    const coefficients = new Uint16Array(bytesOf(wide.rowBytes * 8, 5).buffer)
    const list = [...rowsOf(data, wide.rowBytes), ...rowsOf(parity, wide.rowBytes)]
    const values = kernel.combine(list, wide.rowBytes, coefficients)
    same(values.subarray(0, 32), plainEngine.combine(list.slice(0, 2), wide.rowBytes, coefficients))
    same(values.subarray(-32), plainEngine.combine(list.slice(-2), wide.rowBytes, coefficients))
  })
})

function encoded(engine: typeof plainEngine, data: Uint8Array, layout: Layout): Uint8Array {
  const parity = new Uint8Array(layout.n * layout.rowBytes).fill(0x5a)
  engine.encode(data, parity, layout)
  return parity
}

/** As toEqual, which takes seconds for megabytes. */
function same(actual: Uint8Array, expected: Uint8Array): void {
  expect(equalBytes(actual, expected)).toBe(true)
}

function rowsOf(bytes: Uint8Array, rowBytes: number): Uint8Array[] {
  return Array.from({ length: bytes.length / rowBytes }, (_, index) => bytes.subarray(index * rowBytes, (index + 1) * rowBytes))
}

/** 64 bytes of every row. */
function columnOf(rows: Uint8Array, { rowBytes }: Layout, column: number): Uint8Array {
  const count = rows.length / rowBytes
  const out = new Uint8Array(count * 64)
  for (let i = 0; i < count; i++) out.set(rows.subarray(i * rowBytes + column, i * rowBytes + column + 64), i * 64)
  return out
}

it('the largest code of the network is restored, whose transform has twice as many places as it has rows', () => {
  const layout = { k: 4096, n: 12_288, rowBytes: 64 }
  const original = bytesOf(layout.k * 64, 5)
  const engine = createKernelEngine()
  const parity = new Uint8Array(layout.n * 64)
  engine.encode(original, parity, layout)
  const present = Uint8Array.from({ length: layout.k }, (_, index) => (index % 10 === 3 ? 0 : 1))
  const damaged = Uint8Array.from(original, (byte, at) => (present[at >> 6] === 1 ? byte : 0))
  const missing = present.filter((flag) => flag === 0).length
  const rows = Array.from({ length: missing }, (_, index): [number, Uint8Array] => [
    7 * index,
    parity.subarray(7 * index * 64, (7 * index + 1) * 64),
  ])
  engine.restore(damaged, present, new Map(rows), layout)
  expect(equalBytes(damaged, original)).toBe(true)
})
