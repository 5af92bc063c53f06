import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Prng, simRandom } from './prng.ts'

describe('Prng', () => {
  test('the same seed gives the same numbers, for ever', () => {
    const prng = Prng.fromSeed(1n)
    // Golden: a change here makes every recorded seed mean something else.
    expect([prng.next(), prng.next(), prng.next()]).toMatchInlineSnapshot(`
[
  2597721557,
  41063744,
  993907646,
]
`)
    expect(Prng.fromSeed(1n + (1n << 64n)).next()).toBe(Prng.fromSeed(1n).next())
  })

  test('a fork does not move its parent, and forks of different names differ', () => {
    const plain = Prng.fromSeed(7n)
    const forked = Prng.fromSeed(7n)
    const a = forked.fork('a')
    const b = forked.fork('b')
    expect(a.next()).not.toBe(b.next())
    expect(forked.next()).toBe(plain.next())
  })

  test('below is inside its bound and reaches every value', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.integer({ min: 1, max: 7 }), (seed, bound) => {
        const prng = Prng.fromSeed(seed)
        const seen = new Set(Array.from({ length: 300 }, () => prng.below(bound)))
        expect([...seen].sort()).toEqual(Array.from({ length: bound }, (_, value) => value))
      }),
      { numRuns: 50 },
    )
    expect(() => Prng.fromSeed(0n).below(0)).toThrow('outside')
  })

  test('bits are balanced and chance keeps its probability', () => {
    const prng = Prng.fromSeed(3n)
    const draws = 20_000
    for (let bit = 0; bit < 32; bit++) {
      let ones = 0
      for (let draw = 0; draw < draws; draw++) ones += (prng.next() >>> bit) & 1
      // Five standard deviations of a fair coin.
      expect(Math.abs(ones - draws / 2)).toBeLessThan((5 * Math.sqrt(draws)) / 2)
    }
    let hits = 0
    for (let draw = 0; draw < draws; draw++) hits += prng.chance(0.1) ? 1 : 0
    expect(Math.abs(hits - draws / 10)).toBeLessThan(5 * Math.sqrt(draws * 0.09))
    expect(prng.chance(0)).toBe(false)
  })

  test('shuffle keeps the elements, the port gives version 4 identifiers', () => {
    const prng = Prng.fromSeed(4n)
    expect(prng.shuffle([1, 2, 3, 4, 5]).sort()).toEqual([1, 2, 3, 4, 5])
    expect(simRandom(prng).uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })
})
