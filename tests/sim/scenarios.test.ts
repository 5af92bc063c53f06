import { describe, expect, test } from '@jest/globals'
import { campaign, expectCoverage, expectSameHash, seedRange, simulate } from '@zerog/sim'
import { parseCorpus, readCorpus } from './src/corpus.ts'
import { SCENARIOS } from './src/scenarios.ts'

/** `npm run test:long` tries this many times as many seeds. */
const LONG_FACTOR = 25
const TIMEOUT_MS = 600_000

for (const [name, { seeds, load }] of Object.entries(SCENARIOS)) {
  const count = process.env.ZEROG_TEST_LONG === '1' ? seeds * LONG_FACTOR : seeds
  describe(`scenario ${name}`, () => {
    test(
      `holds over the seeds 1 to ${count} of its range, with every fault that it counts on`,
      async () => {
        const scenario = await load()
        const { failures, faults } = await campaign(scenario, { seeds: seedRange(1, count) })
        expect(failures.map(({ message }) => message)).toEqual([])
        expectCoverage(scenario, faults)
      },
      TIMEOUT_MS,
    )

    test(
      'holds for every seed of its corpus',
      async () => {
        const scenario = await load()
        for (const seed of readCorpus(name)) expect((await simulate(scenario, { seed })).failure?.message).toBeUndefined()
      },
      TIMEOUT_MS,
    )

    test('tells the same story twice', async () => {
      await expectSameHash(await load(), 1n)
    })
  })
}

test('a corpus line that is no seed is refused', () => {
  expect(parseCorpus('# heading\n12 # lost an entry\n\n18446744073709551615\n')).toEqual([12n, 18_446_744_073_709_551_615n])
  expect(() => parseCorpus('12x')).toThrow('line 1')
  expect(() => parseCorpus('18446744073709551616')).toThrow('line 1')
})
