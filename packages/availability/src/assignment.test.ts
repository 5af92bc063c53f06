import { describe, expect, it } from '@jest/globals'
import { sha256 } from '@zerog/kernels'
import fc from 'fast-check'
import { assignRows, dealCounts } from './assignment.ts'
import { committeeRows, createCommittee } from './committee.ts'
import { permutation, permute } from './permutation.ts'
import { keylessMembers, numbers } from './testing.ts'

const seedOf = (value: number) => sha256(Uint8Array.of(value, value >> 8, value >> 16))
const committeeOf = (stakes: readonly bigint[], seed = seedOf(1)) =>
  createCommittee({ epoch: 1n, id: 0, seed, members: keylessMembers(stakes) })

describe('the permutation', () => {
  it('takes every place exactly once and agrees with the rule for a single place, for every size', () => {
    for (const count of [1, 2, 3, 4, 255, 256, 257, 600, 1_024]) {
      const all = permutation(count, seedOf(count))
      expect(new Set(all).size).toBe(count)
      for (let index = 0; index < count; index += count > 300 ? 37 : 1) {
        expect([count, index, all[index]]).toEqual([count, index, permute(index, count, seedOf(count))])
      }
    }
  })

  it('changes wholly with one bit of the seed', () => {
    const [a, b] = [permutation(1_024, seedOf(1)), permutation(1_024, seedOf(2))]
    expect(a.filter((row, index) => row === b[index]).length).toBeLessThan(20)
  })
})

describe('the assignment', () => {
  it('deals every row once, keeps 148 for everybody, and owners agree', () => {
    const committee = committeeOf([1n, 5n, 1_000n, 90n, 1n])
    const assignment = assignRows(committee, { commitment: seedOf(9), k: 256, n: 768 })
    const owners = new Map<number, number>()
    for (let member = 0; member < 5; member++) {
      for (const row of assignment.dealt(member)) {
        expect(owners.has(row)).toBe(false)
        owners.set(row, member)
      }
      const rows = assignment.rows(member)
      expect(rows.length).toBe(Math.max(148, assignment.dealt(member).length))
      expect(new Set(rows).size).toBe(rows.length)
      expect([...assignment.dealt(member), ...assignment.topUp(member)]).toEqual([...rows])
    }
    expect(owners.size).toBe(1_024)
    for (let row = 0; row < 1_024; row++) expect(assignment.owner(row)).toBe(owners.get(row))
  })

  it('depends on the commitment and on the epoch', () => {
    const stakes = [1n, 1n, 1n]
    const rowsOf = (commitment: Uint8Array, seed: Uint8Array) =>
      [...assignRows(committeeOf(stakes, seed), { commitment, k: 256, n: 768 }).dealt(0)].join()
    const all = [rowsOf(seedOf(1), seedOf(2)), rowsOf(seedOf(1), seedOf(3)), rowsOf(seedOf(4), seedOf(2))]
    expect(new Set(all).size).toBe(3)
  })

  it('deals by largest remainder, ties to the lower index', () => {
    const counts = (stakes: bigint[], rows: number) => dealCounts(keylessMembers(stakes), rows)
    expect(counts([1n, 1n, 1n], 1_024)).toEqual([342, 341, 341])
    expect(counts([1n, 1n, 1n], 1_025)).toEqual([342, 342, 341])
    expect(counts([7n, 2n, 1n], 1_024)).toEqual([717, 205, 102])
    expect(counts([2n ** 63n, 1n], 1_024)).toEqual([1_024, 0])
  })
})

/** Fewest rows that members with at least a third of the stake can hold: knapsack by greedy is not exact, so subsets are searched below. */
const holds = (stakes: readonly bigint[], counts: readonly number[], subset: readonly number[]) => ({
  stake: subset.reduce((sum, member) => sum + (stakes[member] as bigint), 0n),
  rows: subset.reduce((sum, member) => sum + (counts[member] as number), 0),
})

describe('any third of the stake holds K distinct dealt rows', () => {
  it('for every subset of small committees with arbitrary stakes', () => {
    const stake = fc.oneof(fc.bigInt(1n, 5n), fc.bigInt(1n, 10_000n), fc.bigInt(1n, 2n ** 60n))
    fc.assert(
      fc.property(fc.array(stake, { minLength: 1, maxLength: 9 }), (stakes) => {
        const k = committeeRows(stakes.length)
        const counts = dealCounts(keylessMembers(stakes), 4 * k)
        const total = stakes.reduce((sum, value) => sum + value, 0n)
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(4 * k)
        for (let mask = 1; mask < 2 ** stakes.length; mask++) {
          const subset = stakes.map((_, member) => member).filter((member) => (mask >> member) & 1)
          const held = holds(stakes, counts, subset)
          if (3n * held.stake >= total) expect(held.rows).toBeGreaterThanOrEqual(k)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('for adversarial subsets of large committees, up to the most members that there can be', () => {
    const next = numbers(20_261_123)
    for (const size of [10, 41, 100, 341, 1_024]) {
      for (let round = 0; round < 12; round++) {
        // From equal to very unequal: the exponent spreads stakes over many orders of magnitude.
        const spread = round % 4
        const stakes = Array.from({ length: size }, () => 1n + BigInt(next()) ** BigInt(spread) / 7n ** BigInt(next() % 9))
        const scaled = stakes.map((value) => 1n + (value * 2n ** 50n) / stakes.reduce((sum, each) => sum + each, 0n))
        const k = committeeRows(size)
        expect(3 * size).toBeLessThanOrEqual(k)
        const counts = dealCounts(keylessMembers(scaled), 4 * k)
        const total = scaled.reduce((sum, value) => sum + value, 0n)
        // Worst first: those with the fewest rows for their stake, whom rounding hurt most; then random orders.
        const members = scaled.map((_, member) => member)
        const loss = (member: number) =>
          Number(((scaled[member] as bigint) * BigInt(4 * k) * 1_000n) / total) - 1_000 * (counts[member] as number)
        const orders = [
          [...members].sort((a, b) => loss(b) - loss(a)),
          ...[1, 2].map(() => [...members].sort(() => (next() & 1) - 0.5)),
        ]
        for (const order of orders) {
          const subset: number[] = []
          let stake = 0n
          for (const member of order) {
            if (3n * stake >= total) break
            subset.push(member)
            stake += scaled[member] as bigint
          }
          expect(holds(scaled, counts, subset).rows).toBeGreaterThanOrEqual(k)
        }
      }
    }
  })
})

describe('rows of a committee', () => {
  it.each([
    [1, 256],
    [5, 256],
    [6, 512],
    [10, 512],
    [11, 1_024],
    [20, 1_024],
    [41, 2_048],
    [42, 4_096],
    [1_024, 4_096],
  ])('of %s members are %s', (members, rows) => {
    expect(committeeRows(members)).toBe(rows)
  })
})
