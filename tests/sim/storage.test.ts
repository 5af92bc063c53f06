import { describe, expect, test } from '@jest/globals'
import { campaign, seedRange } from '@zerog/sim'
import { type Sabotage, storageScenario } from './src/scenarios/storage.ts'

const MISTAKES: readonly Sabotage[] = ['acknowledges_before_sync', 'acknowledges_one']

describe('the storage scenario finds', () => {
  for (const mistake of MISTAKES) {
    test(`a gateway or node that ${mistake.replaceAll('_', ' ')}`, async () => {
      const { failures } = await campaign(storageScenario(mistake), { seeds: seedRange(1, 200) })
      expect(failures.map(({ message }) => message.split('\n')[0]).join()).toMatch(
        /was accepted and is on|does not become final|reads back/,
      )
    }, 300_000)
  }
})
