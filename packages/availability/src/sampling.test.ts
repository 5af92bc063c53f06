import { describe, expect, it } from '@jest/globals'
import { sha256 } from '@zerog/kernels'
import { clientsFooledMax, encodingMissProbability, sampleRows, samplesFor, withholdingMissProbability } from './sampling.ts'
import { numbers } from './testing.ts'

const quarter = (k: number) => ({ k, n: 3 * k })

/** C(total, chosen) exactly. */
function choose(total: number, chosen: number): bigint {
  let value = 1n
  for (let index = 0; index < chosen; index++) value = (value * BigInt(total - index)) / BigInt(index + 1)
  return value
}

/** A ratio of big integers as a double, without overflow. */
function ratio(part: bigint, whole: bigint): number {
  return Number((part << 200n) / whole) / 2 ** 200
}

describe('a sample', () => {
  it('is of different rows of the bundle, by the seed', () => {
    const rows = sampleRows(sha256(Uint8Array.of(1)), quarter(512), 16)
    expect(new Set(rows).size).toBe(16)
    expect([...rows].every((row) => row < 2_048)).toBe(true)
    expect([...sampleRows(sha256(Uint8Array.of(1)), quarter(512), 16)]).toEqual([...rows])
    expect([...sampleRows(sha256(Uint8Array.of(2)), quarter(512), 16)]).not.toEqual([...rows])
  })

  it('takes every row about equally often', () => {
    const counts = new Array<number>(64).fill(0)
    for (let round = 0; round < 2_000; round++) {
      for (const row of sampleRows(sha256(Uint8Array.of(round, round >> 8)), quarter(16), 8))
        counts[row] = (counts[row] as number) + 1
    }
    // 250 expected each, standard deviation 15
    expect(Math.min(...counts)).toBeGreaterThan(250 - 90)
    expect(Math.max(...counts)).toBeLessThan(250 + 90)
  })
})

describe('withholding of a fixed set', () => {
  it('is missed with exactly the hypergeometric probability, below 4^-samples', () => {
    for (const k of [16, 256, 512, 4_096]) {
      for (const count of [1, 2, 16]) {
        const found = withholdingMissProbability(quarter(k), count)
        const exact = ratio(choose(k - 1, count), choose(4 * k, count))
        expect(Math.abs(found - exact)).toBeLessThanOrEqual(1e-9 * exact)
        expect(found).toBeLessThan(4 ** -count)
      }
    }
  })

  it('is never missed by more samples than rows are served', () => {
    expect(withholdingMissProbability(quarter(16), 15)).toBeGreaterThan(0)
    expect(withholdingMissProbability(quarter(16), 16)).toBe(0)
  })

  it('happens as often as computed', () => {
    // k = 8: 7 of 32 rows served, 2 samples: 21/496
    const served = new Set([0, 5, 9, 11, 20, 30, 31])
    let missed = 0
    const rounds = 3_000
    for (let round = 0; round < rounds; round++) {
      const rows = sampleRows(sha256(Uint8Array.of(round, round >> 8, 7)), quarter(8), 2)
      if (rows.every((row) => served.has(row))) missed++
    }
    const expected = withholdingMissProbability(quarter(8), 2)
    expect(expected).toBeCloseTo(21 / 496, 12)
    // five standard deviations
    expect(Math.abs(missed / rounds - expected)).toBeLessThan(5 * Math.sqrt(expected / rounds))
  })
})

describe('withholding by an adaptive committee', () => {
  it('fools one client with certainty and about a tenth of k at most', () => {
    const bound = (k: number, clients: number) => clientsFooledMax(quarter(k), 16, { clients, confidenceBits: 40 })
    expect(bound(512, 1)).toBe(1)
    expect(bound(512, 10)).toBe(10)
    expect(bound(512, 100)).toBeLessThan(60)
    expect(bound(512, 10_000)).toBeLessThan(90)
    expect(bound(4_096, 10_000)).toBeLessThan(600)
  })

  it('holds against a greedy committee that sees all questions first', () => {
    const next = numbers(4_711)
    const rows = quarter(32)
    const bound = clientsFooledMax(rows, 8, { clients: 60, confidenceBits: 20 })
    expect(bound).toBeLessThan(60)
    for (let round = 0; round < 20; round++) {
      const samples = Array.from({ length: 60 }, () => [...sampleRows(sha256(Uint8Array.of(next(), next(), next())), rows, 8)])
      const served = new Set<number>()
      let fooled = 0
      // Always the client whose rows cost the fewest new ones.
      for (;;) {
        samples.sort((a, b) => costOf(a, served) - costOf(b, served))
        const cheapest = samples.shift()
        if (cheapest === undefined || served.size + costOf(cheapest, served) >= rows.k) break
        for (const row of cheapest) served.add(row)
        fooled++
      }
      expect(fooled).toBeGreaterThanOrEqual(3)
      expect(fooled).toBeLessThanOrEqual(bound)
    }
  })
})

function costOf(rows: readonly number[], served: ReadonlySet<number>): number {
  return rows.filter((row) => !served.has(row)).length
}

describe('a wrong encoding', () => {
  it('needs 148 rows for 100 bits and is hardly touched by 16', () => {
    expect(encodingMissProbability(quarter(4_096), 148)).toBeLessThan(2 ** -100)
    expect(encodingMissProbability(quarter(256), 148)).toBeLessThan(2 ** -100)
    expect(encodingMissProbability(quarter(4_096), 16)).toBeGreaterThan(2 ** -11)
    const exact = ratio(choose(2_048 - 769, 16), choose(2_048, 16))
    expect(Math.abs(encodingMissProbability(quarter(512), 16) / exact - 1)).toBeLessThan(1e-9)
  })

  it('takes the sample counts that the documents name', () => {
    expect(samplesFor(32, quarter(512), withholdingMissProbability)).toBe(16)
    expect(samplesFor(100, quarter(4_096), encodingMissProbability)).toBeLessThanOrEqual(148)
    expect(samplesFor(100, quarter(4_096), encodingMissProbability)).toBeGreaterThan(140)
  })
})
