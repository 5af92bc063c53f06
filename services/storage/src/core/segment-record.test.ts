import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decodeSegmentKey, encodeSegmentKey } from './segment-key.ts'
import { decodeSegmentRecord, encodeSegmentRecord } from './segment-record.ts'

const node = fc.uint8Array({ minLength: 32, maxLength: 32 })
const proof = fc.array(fc.boolean(), { maxLength: 20 }).chain((path) =>
  fc.record({
    path: fc.constant(path),
    lemma: fc.array(node, {
      minLength: path.length === 0 ? 1 : path.length + 2,
      maxLength: path.length === 0 ? 1 : path.length + 2,
    }),
  }),
)

describe('a segment record', () => {
  test('comes back as it was written', () => {
    fc.assert(
      fc.property(proof, fc.uint8Array({ minLength: 1, maxLength: 600 }), (proof, data) => {
        expect(decodeSegmentRecord(encodeSegmentRecord({ proof, data }))).toEqual({ proof, data })
      }),
    )
  })

  test('of hostile bytes is refused or small, never an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 0, max: 40 }), (bytes, steps) => {
        if (bytes.length > 1) [bytes[0], bytes[1]] = [1, steps]
        const record = decodeSegmentRecord(bytes)
        if (record !== undefined) expect(encodeSegmentRecord(record)).toEqual(bytes)
      }),
    )
  })
})

describe('a segment key', () => {
  test('comes back, and keys of a file lie in order of their segments', () => {
    const key = fc.record({ root: node, sizeBytes: fc.maxSafeNat(), index: fc.nat(0xffffffff) })
    fc.assert(
      fc.property(key, fc.nat(0xffffffff), (key, other) => {
        expect(decodeSegmentKey(encodeSegmentKey(key))).toEqual(key)
        const order = Buffer.compare(encodeSegmentKey(key), encodeSegmentKey({ ...key, index: other }))
        expect(Math.sign(order)).toBe(Math.sign(key.index - other))
      }),
    )
  })

  test('of another length is none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => bytes.length === 44 || decodeSegmentKey(bytes) === undefined),
    )
  })
})
