import { describe, expect, jest, test } from '@jest/globals'
import { campaign, expectCoverage, expectSameHash, seedRange, shrink, simulate } from '../src/index.ts'
import { type Bug, replicatedLog } from './replicated-log.ts'

const BUGS: readonly Bug[] = ['acknowledges_before_flush', 'forgets_its_end', 'applies_duplicates', 'follower_skips_flush']

// A second each on an idle core, more beside seven other suites.
jest.setTimeout(120_000)

describe('a replicated log in the simulator', () => {
  test('keeps its promises over 60 seeds, which really crashed, paused and cut it off', async () => {
    const { failures, faults } = await campaign(replicatedLog(), { seeds: seedRange(1, 60) })
    expect(failures.map(({ message }) => message)).toEqual([])
    expectCoverage(replicatedLog(), faults)
  })

  for (const bug of BUGS) {
    test(`a log that ${bug.replaceAll('_', ' ')} is caught within 20 seeds, and the seed says so again`, async () => {
      const scenario = replicatedLog(bug)
      const { failures } = await campaign(scenario, { seeds: seedRange(1, 20) })
      const [failure] = failures
      expect(failure?.message).toMatch(/^scenario replicated-log-.* seed \d+, at .* virtual ms: /)
      expect(failure?.message).toContain(`--seed ${failure?.seed}`)
      const again = await simulate(scenario, { seed: failure?.seed ?? 0n })
      expect(again.failure?.message).toBe(failure?.message)
    })
  }

  test('shrinking keeps the failure and takes away faults', async () => {
    const scenario = replicatedLog('follower_skips_flush')
    const { failures } = await campaign(scenario, { seeds: seedRange(1, 20) })
    const seed = failures[0]?.seed ?? 0n
    const before = await simulate(scenario, { seed })
    const { controls, outcome } = await shrink(scenario, seed)
    expect(outcome.failure).toBeDefined()
    expect(outcome.decisions).toBeLessThan(before.decisions)
    const again = await simulate(scenario, { seed, ...controls })
    expect([again.hash, again.failure?.message]).toEqual([outcome.hash, outcome.failure?.message])
  })

  test('two runs of a seed tell the same story, two seeds do not', async () => {
    const first = await expectSameHash(replicatedLog(), 1n)
    const second = await expectSameHash(replicatedLog(), 2n)
    expect(first.hash).not.toBe(second.hash)
  })

  test('a scenario that draws on the outside is found by its hashes', async () => {
    let outside = 0
    const leaky = { ...replicatedLog(), run: async (sim: import('../src/index.ts').Sim) => sim.clock.sleep(++outside) }
    await expect(expectSameHash(leaky, 1n)).rejects.toThrow('does not replay')
  })

  test('a scenario that asks for faults it never saw is refused', async () => {
    const calm = { ...replicatedLog(), mustSee: ['disk.bit_flip' as const] }
    const { faults } = await campaign(calm, { seeds: seedRange(1, 1) })
    expect(() => expectCoverage(calm, faults)).toThrow('never saw disk.bit_flip')
  })
})
