import { describe, expect, it } from '@jest/globals'
import { toHex } from '@zerog/primitives'
import fc from 'fast-check'
import { createCollector } from './collector.ts'
import { defaultEngine } from './default-engine.ts'
import { type Encoded, encodePayload, encodeRows } from './encode.ts'
import { HEADER_BYTES } from './limits.ts'
import { cutRange, readHeader, readPayload, spanOf } from './payload.ts'
import { plainEngine } from './plain.ts'
import { layoutFor, rowBytesFor, shapeAtRate } from './shape.ts'
import { bytesOf, pick, refusal } from './testing.ts'
import { deriveCoefficients, extendRlc } from './transcript.ts'

const shapes = fc.constantFrom(...[1, 2, 4, 8, 16, 64].flatMap((k) => [shapeAtRate(k, '1/2'), shapeAtRate(k, '1/4')]), {
  k: 2,
  n: 14,
})
const engines = [
  ['plain TypeScript', plainEngine],
  ['the default engine', defaultEngine()],
] as const

const collectorOf = ({ layout, commitment, rlc }: Encoded) => createCollector({ shape: layout, commitment, rlc })

describe.each(engines)('any k rows restore the payload: %s', (_, engine) => {
  it('for random shapes, sizes and rows', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 20_000 }), fc.nat(), (shape, size, seed) => {
        const payload = bytesOf(size, seed)
        const encoded = encodePayload(payload, { ...shape, rowBytes: rowBytesFor(size, shape.k) }, { engine })
        const collector = createCollector({ shape, commitment: encoded.commitment, rlc: encoded.rlc }, engine)
        const indices = pick(shape.k + shape.n, shape.k, seed)
        for (const index of indices.slice(1)) collector.add([encoded.proof(index)])
        expect(refusal(() => collector.payload())).toBe('ROWS_INSUFFICIENT')
        collector.add([encoded.proof(indices[0] as number)])
        expect(toHex(collector.payload())).toBe(toHex(payload))
      }),
      { numRuns: 60 },
    )
  })

  it('in memory that another bundle left behind', () => {
    const payload = bytesOf(5_000, 3)
    const { layout, commitment, rlc, proof } = encodePayload(
      payload,
      { k: 4, n: 12, rowBytes: rowBytesFor(5_000, 4) },
      { engine },
    )
    const space = new Uint8Array(2 * 4 * layout.rowBytes).fill(0xa5)
    for (const indices of [
      [0, 1, 2, 3],
      [1, 5, 9, 14],
    ]) {
      const collector = createCollector({ shape: layout, commitment, rlc, space }, engine)
      collector.add(indices.map(proof))
      expect(toHex(collector.payload())).toBe(toHex(payload))
      expect(collector.payload().buffer).toBe(space.buffer)
    }
  })

  it('also where only parity is left, and for as many rows as a committee has', () => {
    const payload = bytesOf(512 * 64 - HEADER_BYTES, 5)
    for (const rate of ['1/2', '1/4'] as const) {
      const encoded = encodePayload(payload, layoutFor(payload.length, { committeeRows: 512, rate }), { engine })
      const { k, n } = encoded.layout
      const collector = collectorOf(encoded)
      expect(collector.add(Array.from({ length: k }, (_, i) => encoded.proof(k + n - 1 - i)))).toBe(k)
      expect(toHex(collector.payload())).toBe(toHex(payload))
    }
  })
})

describe('the collector', () => {
  const payload = bytesOf(3_000, 1)
  const encoded = encodePayload(payload, { k: 8, n: 24, rowBytes: rowBytesFor(3_000, 8) })

  it('counts distinct rows only and keeps no more than k', () => {
    const collector = collectorOf(encoded)
    const batch = [3, 9, 3, 31].map(encoded.proof)
    expect([collector.add(batch), collector.add(batch), collector.missingRows()]).toEqual([3, 0, 5])
    expect([collector.has(3), collector.has(31), collector.has(30)]).toEqual([true, true, false])
    expect(collector.add(Array.from({ length: 32 }, (_, index) => encoded.proof(index)))).toBe(5)
    expect(collector.missingRows()).toBe(0)
    expect(collector.has(30)).toBe(false)
    expect(toHex(collector.payload())).toBe(toHex(payload))
    expect(toHex(collector.payload())).toBe(toHex(payload))
  })

  it('keeps nothing of a batch with one corrupt row, and goes on with other sources', () => {
    const collector = collectorOf(encoded)
    const corrupt = { ...encoded.proof(12), row: encoded.row(13) }
    expect(refusal(() => collector.add([encoded.proof(0), corrupt]))).toBe('PROOF_INVALID path')
    expect([collector.missingRows(), collector.has(0)]).toEqual([8, false])
    for (const index of pick(32, 8, 3)) collector.add([encoded.proof(index)])
    expect(toHex(collector.payload())).toBe(toHex(payload))
  })

  it('does not depend on what its sources do with their memory', () => {
    const collector = collectorOf(encoded)
    for (const index of pick(32, 8, 4)) {
      const proof = encoded.proof(index)
      const row = Buffer.from(proof.row) // as gRPC hands them out; its slice() shares memory
      collector.add([{ ...proof, row }])
      row.fill(0)
    }
    expect(toHex(collector.payload())).toBe(toHex(payload))
  })
})

it('space that is used again gives the same commitment as fresh memory, and is as large as it must be', () => {
  const space = new Uint8Array(40_000).fill(0xff)
  for (const [size, k] of [
    [1_000, 8],
    [1, 16],
    [2_000, 4],
  ] as const) {
    const layout = { ...shapeAtRate(k, '1/4'), rowBytes: rowBytesFor(size, k) }
    const payload = bytesOf(size, size)
    expect(toHex(encodePayload(payload, layout, { space }).commitment)).toBe(toHex(encodePayload(payload, layout).commitment))
  }
  expect(() => encodePayload(new Uint8Array(1), { k: 1, n: 1, rowBytes: 64 }, { space: new Uint8Array(127) })).toThrow('space')
})

describe('ranges', () => {
  it('are read from original rows without decoding, for every range', () => {
    const payload = bytesOf(1_111, 2)
    const encoded = encodePayload(payload, { k: 8, n: 8, rowBytes: rowBytesFor(payload.length, 8) })
    fc.assert(
      fc.property(fc.nat(payload.length - 1), fc.integer({ min: 1, max: payload.length }), (offset, wanted) => {
        const range = { offset, lengthBytes: Math.min(wanted, payload.length - offset) }
        const span = spanOf(range, encoded.layout)
        const rows = Array.from({ length: span.rowCount }, (_, index) => encoded.row(span.rowFirst + index))
        expect(toHex(cutRange(rows, range, encoded.layout))).toBe(toHex(payload.subarray(offset, offset + range.lengthBytes)))
      }),
    )
    expect(readHeader(encoded.row(0), 8 * encoded.layout.rowBytes)).toBe(1_111)
  })

  it.each([
    [-1, 1],
    [0, 0],
    [0.5, 1],
    [0, 2 ** 53],
    [507, 1],
    [0, 508],
  ])('refuses offset %s and length %s of at most 507 bytes', (offset, lengthBytes) => {
    expect(refusal(() => spanOf({ offset, lengthBytes }, { k: 8, rowBytes: 64 }))).toBe('INVALID_ARGUMENT')
  })
})

describe('the header', () => {
  const rows = (change: (bytes: Uint8Array) => void): Uint8Array => {
    const encoded = encodePayload(bytesOf(100, 3), { k: 2, n: 2, rowBytes: 64 })
    const data = new Uint8Array([...encoded.row(0), ...encoded.row(1)])
    change(data)
    return data
  }

  it('gives the payload, whatever its last bytes are', () => {
    const payload = new Uint8Array(100)
    const { row } = encodePayload(payload, { k: 2, n: 2, rowBytes: 64 })
    expect(readPayload(new Uint8Array([...row(0), ...row(1)]))).toEqual(payload)
  })

  it.each([
    ['another version', (data: Uint8Array) => data.fill(1, 0, 1)],
    ['a size of zero', (data: Uint8Array) => data.fill(0, 1, 5)],
    ['a size beyond the rows', (data: Uint8Array) => data.fill(124, 4, 5)],
    ['a huge size', (data: Uint8Array) => data.fill(255, 1, 5)],
    ['bytes after the payload', (data: Uint8Array) => data.fill(1, 127, 128)],
  ])('is refused with %s, although the rows are proven', (_, change) => {
    expect(refusal(() => readPayload(rows(change)))).toBe('PAYLOAD_INVALID')
  })

  it('is never read from fewer bytes than it has', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const answer = refusal(() => readPayload(bytes))
        return answer === 'PAYLOAD_INVALID' || answer === 'nothing'
      }),
    )
  })
})

describe('the layout', () => {
  it.each([
    [1, 512, 512, 64],
    [4 * 2 ** 20 - HEADER_BYTES, 512, 512, 8_192],
    [4 * 2 ** 20, 512, 1_024, 4_160],
    [4 * 2 ** 20 - HEADER_BYTES, 2_048, 2_048, 2_048],
    [32 * 2 ** 20 - HEADER_BYTES, 256, 4_096, 8_192],
    [128 * 2 ** 20 - HEADER_BYTES, 256, 4_096, 32_768],
  ])('of %s bytes for a committee of %s rows is %s rows of %s bytes', (size, committeeRows, k, rowBytes) => {
    expect(layoutFor(size, { committeeRows, rate: '1/4' })).toEqual({ k, n: 3 * k, rowBytes })
    expect(layoutFor(size, { committeeRows, rate: '1/2' })).toEqual({ k, n: k, rowBytes })
  })

  it('refuses the empty payload and the one that is too large', () => {
    expect(refusal(() => layoutFor(0, { committeeRows: 256, rate: '1/4' }))).toBe('INVALID_ARGUMENT')
    expect(refusal(() => layoutFor(128 * 2 ** 20 - 4, { committeeRows: 256, rate: '1/4' }))).toBe('LIMIT_EXCEEDED')
    expect(refusal(() => encodePayload(new Uint8Array(0), { k: 1, n: 1, rowBytes: 64 }))).toBe('INVALID_ARGUMENT')
    expect(refusal(() => encodePayload(new Uint8Array(60), { k: 1, n: 1, rowBytes: 64 }))).toBe('INVALID_ARGUMENT')
  })

  it.each([
    [0, 1, 64],
    [3, 5, 64],
    [4, 5, 64],
    [4, 0, 64],
    [1.5, 1.5, 64],
    [32_768, 98_304, 64],
    [16_384, 49_152, 64],
    [4, 4, 0],
    [4, 4, 65],
    [4, 4, 32_832],
  ])('refuses %s + %s rows of %s bytes', (k, n, rowBytes) => {
    expect(refusal(() => encodePayload(new Uint8Array(1), { k, n, rowBytes }))).toBe('INVALID_ARGUMENT')
  })
})

it('is linear: the combination of any row is the code over the combinations of the originals', () => {
  fc.assert(
    fc.property(shapes, fc.integer({ min: 1, max: 4 }), fc.nat(), (shape, chunks, seed) => {
      const layout = { ...shape, rowBytes: 64 * chunks }
      const { row, rowRoot, rlc } = encodeRows(bytesOf(shape.k * layout.rowBytes, seed), layout)
      const all = Array.from({ length: shape.k + shape.n }, (_, index) => row(index))
      const direct = plainEngine.combine(all, layout.rowBytes, deriveCoefficients(rowRoot, layout))
      expect(toHex(extendRlc(rlc, shape, plainEngine))).toBe(toHex(direct))
    }),
    { numRuns: 30 },
  )
})
