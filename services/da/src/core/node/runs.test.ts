import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { runsOf } from './runs.ts'

test('every place is in one run of its pack, no run is longer than allowed, and gaps are small', () => {
  const numbers = fc.record({
    rowsPerPack: fc.integer({ min: 1, max: 40 }),
    rowsMax: fc.integer({ min: 1, max: 20 }),
    gapRowsMax: fc.integer({ min: 0, max: 5 }),
  })
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(200)), numbers, (asked, limits) => {
      const places = asked.sort((a, b) => a - b)
      const runs = runsOf(places, limits)
      expect(runs.flatMap((run) => run.places)).toEqual(places)
      for (const { first, count, places: inside } of runs) {
        expect(first).toBe(inside[0])
        expect(first + count - 1).toBe(inside.at(-1))
        expect(count).toBeLessThanOrEqual(limits.rowsMax)
        expect(Math.floor(first / limits.rowsPerPack)).toBe(Math.floor((first + count - 1) / limits.rowsPerPack))
        for (const [at, place] of inside.entries()) {
          if (at > 0) expect(place - (inside[at - 1] as number) - 1).toBeLessThanOrEqual(limits.gapRowsMax)
        }
      }
    }),
  )
})
