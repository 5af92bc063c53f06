import { describe, expect, test } from '@jest/globals'
import { campaign, seedRange } from '@zerog/sim'
import { mempoolScenario } from './src/scenarios/mempool.ts'
import type { Sabotage } from './src/scenarios/mempool-node.ts'

const EXPECTED: Readonly<Record<Sabotage, RegExp>> = {
  flushes_nothing: /nothing acknowledged is lost/,
  journals_late: /nothing acknowledged is lost/,
  guarantees_nothing: /nothing acknowledged is lost/,
}

describe('the mempool scenario', () => {
  for (const [sabotage, message] of Object.entries(EXPECTED)) {
    test(`fails within 20 seeds for a pool that ${sabotage.replace('_', ' ')}`, async () => {
      const { failures } = await campaign(mempoolScenario(sabotage as Sabotage), { seeds: seedRange(1, 20) })
      expect(failures[0]?.message).toMatch(message)
    }, 300_000)
  }
})
