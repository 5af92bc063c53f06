import { describe, expect, test } from '@jest/globals'
import { assignRows } from '@zerog/availability'
import fc from 'fast-check'
import { membersOf } from '../../../test/support/members.ts'
import { type Ask, createHunt, type Keepers } from './hunt.ts'

/** Four members with four of sixteen rows each: member m has rows 4m to 4m + 3. */
const even: Keepers = {
  dealt: (member) => [0, 1, 2, 3].map((at) => member * 4 + at),
  topUp: () => [],
  owner: (row) => Math.floor(row / 4),
}
const order = [0, 1, 2, 3]

describe('a hunt', () => {
  test('asks the owners of the wanted rows and nobody else while all goes well', () => {
    const hunt = createHunt({ k: 4, keepers: even, order, wanted: [3, 4, 5], mayRestore: true })
    expect(hunt.next()).toEqual([
      { member: 0, rows: [3] },
      { member: 1, rows: [4, 5] },
    ])
    expect(hunt.next()).toEqual([])
    hunt.verified(0, [3])
    hunt.ended(0, 'complete')
    hunt.verified(1, [4, 5])
    expect(hunt.outcome()).toBe('wanted')
    expect(hunt.restoring()).toBe(false)
  })

  test.each(['failed', 'lied'] as const)('asks others for as many rows as are needed when an owner has %s', (how) => {
    const hunt = createHunt({ k: 4, keepers: even, order, wanted: [3, 4], mayRestore: true })
    hunt.next()
    hunt.verified(1, [4])
    hunt.ended(0, how)
    expect(hunt.next()).toEqual([{ member: 2, rows: [8, 9, 10] }])
    hunt.verified(2, [8, 9, 10])
    expect(hunt.outcome()).toBe('restorable')
  })

  test('does not wait for a slow owner, and takes its rows if they come first after all', () => {
    const hunt = createHunt({ k: 4, keepers: even, order, wanted: [3], mayRestore: true })
    hunt.next()
    hunt.slow(0)
    expect(hunt.next()).toEqual([{ member: 1, rows: [4, 5, 6, 7] }])
    hunt.verified(0, [3])
    expect(hunt.outcome()).toBe('wanted')
  })

  test('asks beside suspects at once', () => {
    const hunt = createHunt({ k: 4, keepers: even, order, wanted: [0], mayRestore: true, suspects: new Set([0]) })
    expect(hunt.next()).toEqual([
      { member: 0, rows: [0] },
      { member: 1, rows: [4, 5, 6] },
    ])
  })

  test('is stuck when nobody is left, and not before', () => {
    const hunt = createHunt({ k: 5, keepers: even, order: [0, 1], wanted: [0], mayRestore: true })
    hunt.next()
    hunt.ended(0, 'failed')
    expect(hunt.outcome()).toBe('running')
    expect(hunt.next()).toEqual([{ member: 1, rows: [4, 5, 6, 7] }])
    hunt.verified(1, [4, 5, 6, 7])
    hunt.ended(1, 'complete')
    expect(hunt.next()).toEqual([])
    expect(hunt.outcome()).toBe('stuck')
  })

  test('is not stuck while an answer is not over, although all its rows are there', () => {
    const hunt = createHunt({ k: 3, keepers: even, order: [0, 1], wanted: [0, 4], mayRestore: true })
    hunt.next()
    hunt.ended(1, 'failed')
    hunt.verified(0, [0])
    expect(hunt.next()).toEqual([])
    expect(hunt.outcome()).toBe('running')
    hunt.ended(0, 'complete')
    expect(hunt.next()).toEqual([{ member: 0, rows: [1, 2] }])
  })

  test('asks other keepers of a wanted row where only that row will do', () => {
    const keepers = { ...even, topUp: (member: number) => (member === 3 ? [0, 1] : []) }
    const hunt = createHunt({ k: 4, keepers, order, wanted: [0, 9], mayRestore: false })
    expect(hunt.next()).toHaveLength(2)
    hunt.ended(0, 'lied')
    expect(hunt.next()).toEqual([{ member: 3, rows: [0] }])
    hunt.verified(3, [0])
    hunt.ended(3, 'complete')
    hunt.ended(2, 'complete')
    expect(hunt.next()).toEqual([])
    expect(hunt.outcome()).toBe('stuck')
  })
})

type Behaviour = 'honest' | 'gone' | 'lying' | 'slow' | 'withholding'

/** Plays a hunt to its end: honest members bring all, others do as they do. */
function play(hunt: ReturnType<typeof createHunt>, behaviours: readonly Behaviour[]): number {
  const open: Ask[] = [...hunt.next()]
  const late: Ask[] = []
  let asked = open.reduce((sum, { rows }) => sum + rows.length, 0)
  for (let steps = 0; hunt.outcome() === 'running' && steps < 10_000; steps++) {
    const question = open.shift() ?? late.shift()
    if (question === undefined) break
    const { member, rows } = question
    const behaviour = behaviours[member] as Behaviour
    if (behaviour === 'gone') hunt.ended(member, 'failed')
    else if (behaviour === 'lying') hunt.ended(member, 'lied')
    else if (behaviour === 'withholding') {
      hunt.verified(member, rows.slice(0, rows.length >> 1))
      hunt.ended(member, 'complete')
    } else if (behaviour === 'slow' && !late.includes(question)) {
      hunt.slow(member)
      late.push(question)
    } else {
      hunt.verified(member, rows)
      hunt.ended(member, 'complete')
    }
    const more = hunt.next()
    asked += more.reduce((sum, { rows: next }) => sum + next.length, 0)
    open.push(...more)
  }
  return asked
}

test('any third of the stake may be gone, lying, slow or withholding: the rest brings k rows', () => {
  fc.assert(
    fc.property(
      fc.array(fc.bigInt(1n, 1000n), { minLength: 1, maxLength: 12 }),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.infiniteStream(fc.constantFrom<Behaviour>('gone', 'lying', 'slow', 'withholding')),
      fc.integer(),
      (stakes, commitment, kinds, salt) => {
        const { committee } = membersOf(stakes)
        const k = committee.rows
        const keepers = assignRows(committee, { commitment, k, n: 3 * k })
        const order = stakes.map((_, member) => member).sort((a, b) => ((a * 7 + salt) % 13) - ((b * 7 + salt) % 13))
        let bad = 0n
        const behaviours = stakes.map((): Behaviour => 'honest')
        for (const member of order) {
          const stake = stakes[member] as bigint
          if (3n * (bad + stake) >= committee.totalStake) continue
          bad += stake
          behaviours[member] = kinds.next().value as Behaviour
        }
        const wanted = Array.from({ length: 10 }, (_, row) => row)
        const hunt = createHunt({ k, keepers, order, wanted, mayRestore: true })
        const asked = play(hunt, behaviours)
        expect(['wanted', 'restorable']).toContain(hunt.outcome())
        expect(asked).toBeLessThanOrEqual(4 * k + 10)
      },
    ),
    { numRuns: 60 },
  )
})
