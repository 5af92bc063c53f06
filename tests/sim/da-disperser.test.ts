import { describe, expect, test } from '@jest/globals'
import { campaign, seedRange } from '@zerog/sim'
import { type DisperserSabotage, daDisperserScenario } from './src/scenarios/da-disperser.ts'

const MISTAKES: readonly [DisperserSabotage, RegExp][] = [
  ['accepts_before_its_disk', /becomes final/],
  ['signs_again_after_a_crash', /certified in two windows|becomes final/],
  ['forgets_keys', /a key stands for one blob/],
]

describe('the da-disperser scenario finds', () => {
  test.each(MISTAKES)(
    'a disperser that %s',
    async (mistake, symptom) => {
      const { failures } = await campaign(daDisperserScenario(mistake), { seeds: seedRange(1, 60) })
      expect(failures.length).toBeGreaterThan(0)
      expect(failures.map(({ message }) => message.split('\n')[0]).join('\n')).toMatch(symptom)
    },
    300_000,
  )
})
