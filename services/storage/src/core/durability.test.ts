import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { RANGE_SEGMENTS } from '../limits.ts'
import { durableMask, durablePrefix, isComplete, isFinal, quorumOf, type RangeState } from './durability.ts'
import { fullMask, rangeCount, rangeLength, rangeOf, segmentBit, segmentsOf } from './ranges.ts'

const mask = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })

describe('ranges', () => {
  test('cover every segment of a file once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), (segmentCount) => {
        const all = Array.from({ length: rangeCount(segmentCount) }, (_, index) =>
          segmentsOf(fullMask(segmentCount, index), index),
        )
        expect(all.flat()).toEqual(Array.from({ length: segmentCount }, (_, index) => index))
        for (const [rangeIndex, segments] of all.entries()) {
          expect(segments).toHaveLength(rangeLength(segmentCount, rangeIndex))
          const full = fullMask(segmentCount, rangeIndex)
          expect(segments.every((segment) => rangeOf(segment) === rangeIndex && (full & segmentBit(segment)) !== 0n)).toBe(true)
        }
      }),
    )
  })
})

describe('durability', () => {
  test('counts a segment when a quorum stores it, and no other', () => {
    fc.assert(
      fc.property(fc.array(mask, { maxLength: 5 }), fc.integer({ min: 1, max: 3 }), (stored, quorum) => {
        const durable = durableMask({ quorum, replicas: stored.map((stored) => ({ stored, signed: false })) })
        let expected = 0n
        for (let bit = 0n; bit < RANGE_SEGMENTS; bit++) {
          const holders = stored.filter((mask) => (mask >> bit) & 1n).length
          if (holders >= quorum) expected |= 1n << bit
        }
        expect(durable).toBe(expected)
      }),
    )
  })

  test('an upload goes on at the first gap', () => {
    const range = (rangeIndex: number, stored: bigint): RangeState => ({
      rangeIndex,
      quorum: 1,
      replicas: [{ stored, signed: false }],
    })
    const full = 2n ** 64n - 1n
    expect(durablePrefix([], 3)).toBe(0)
    expect(durablePrefix([range(0, 0b101n)], 3)).toBe(1)
    expect(durablePrefix([range(0, 0b111n)], 3)).toBe(3)
    expect(durablePrefix([range(1, 1n)], 65)).toBe(0)
    expect(durablePrefix([range(0, full), range(1, 1n)], 66)).toBe(65)
  })

  test('a file is final only when a quorum of whole replicas signed for every range', () => {
    const replica = (stored: bigint, signed: boolean) => ({ stored, signed })
    const state = (...replicas: { stored: bigint; signed: boolean }[]): RangeState[] => [{ rangeIndex: 0, quorum: 2, replicas }]
    expect(isComplete(state(replica(3n, false), replica(3n, false), replica(1n, false)), 2)).toBe(true)
    expect(isComplete(state(replica(3n, true), replica(1n, true), replica(2n, true)), 2)).toBe(false)
    expect(isFinal(state(replica(3n, true), replica(3n, false)), 2)).toBe(false)
    expect(isFinal(state(replica(3n, true), replica(3n, true), replica(0n, false)), 2)).toBe(true)
    expect(isFinal(state(replica(3n, true), replica(3n, true)), 65)).toBe(false)
  })

  test('a quorum is a majority', () => {
    expect([1, 2, 3, 4, 5].map(quorumOf)).toEqual([1, 2, 2, 3, 3])
  })
})
