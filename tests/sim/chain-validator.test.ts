import { describe, expect, test } from '@jest/globals'
import { campaign, seedRange } from '@zerog/sim'
import { chainValidatorScenario, type Sabotage } from './src/scenarios/chain-validator.ts'

const EXPECTED: Readonly<Record<Sabotage, RegExp>> = {
  announces_before_flush: /an announced block stays|nothing acknowledged is lost/,
  writes_in_pieces: /nothing acknowledged is lost|an announced block stays|RECORD_CORRUPT|missing|damaged/,
}

describe('the scenario of the whole validator', () => {
  for (const [sabotage, message] of Object.entries(EXPECTED)) {
    test(`fails within 60 seeds for a validator that ${sabotage.replaceAll('_', ' ')}`, async () => {
      const { failures } = await campaign(chainValidatorScenario(sabotage as Sabotage), { seeds: seedRange(1, 60) })
      expect(failures[0]?.message).toMatch(message)
    }, 300_000)
  }
})
