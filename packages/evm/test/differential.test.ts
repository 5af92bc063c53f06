import { describe, expect, test } from '@jest/globals'
import type { EngineName } from '../src/engine/engine.ts'
import { readCorpus, runSeed } from './differential/campaign.ts'
import { type RunOptions, runScenario } from './differential/run-scenario.ts'

const ENGINES: readonly EngineName[] = ['zerog', 'ethereumjs']
/** 420 seeds of 48 transactions on the engine that everything runs on, a few on the other one. */
const SEEDS = { main: 420, other: 10 }

describe.each(ENGINES)('%s against @ethereumjs/vm', (engine) => {
  const seeds = engine === ENGINES[0] ? SEEDS.main : SEEDS.other

  test(`random chains give the same roots, gas, logs and receipts (${seeds} seeds)`, async () => {
    let cases = 0
    for (let seed = 1n; seed <= BigInt(seeds); seed++) {
      const frames = seed % 4n === 0n
      const { failure, cases: compared } = await runSeed(seed, { engine, frames, replay: seed % 16n === 0n })
      expect(failure).toBeUndefined()
      cases += compared
    }
    expect(cases).toBe(seeds * 48)
  }, 900_000)

  test('what once differed is the same now', async () => {
    for (const { found, scenario } of readCorpus()) {
      const { difference } = await runScenario(scenario, { engine, frames: true, replay: true })
      expect({ found, difference }).toEqual({ found, difference: undefined })
    }
  })
})

test('a difference is found and cut down to the transaction that shows it', async () => {
  // Another PREVRANDAO for our side only.
  const disturb: RunOptions['disturb'] = (environment) => ({ ...environment, prevRandao: `0x${'cd'.repeat(32)}` })
  for (let seed = 1n; seed < 30n; seed++) {
    const options = { engine: 'zerog', frames: false, replay: false, disturb } as const
    const { failure } = await runSeed(seed, options, 120)
    if (failure === undefined) continue
    const { blocks } = failure.scenario
    expect(blocks.flatMap(({ transactions }) => transactions).length).toBeLessThanOrEqual(2)
    expect((await runScenario(failure.scenario, options)).difference).toEqual(failure.difference)
    expect((await runScenario(failure.scenario, { ...options, disturb: undefined })).difference).toBeUndefined()
    return
  }
  throw new Error('no seed showed the difference')
})
