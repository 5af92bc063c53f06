import { describe, expect, test } from '@jest/globals'
import { campaign, seedRange } from '@zerog/sim'
import { daScenario, type Sabotage } from './src/scenarios/da.ts'

const MISTAKES: readonly [Sabotage, RegExp][] = [
  ['acknowledges_before_sync', /signed, and has its rows again/],
  ['believes_members', /blames nobody who is innocent|with its own bytes|can be read/],
  ['never_repairs', /signed, and has its rows again/],
]

describe('the da scenario finds', () => {
  test.each(MISTAKES)(
    'a network that %s',
    async (mistake, symptom) => {
      const { failures } = await campaign(daScenario(mistake), { seeds: seedRange(1, 30) })
      expect(failures.length).toBeGreaterThan(0)
      expect(failures.map(({ message }) => message.split('\n')[0]).join('\n')).toMatch(symptom)
    },
    300_000,
  )
})
