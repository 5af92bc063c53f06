import { hash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { simulatedKey } from '../testing.ts'
import { leaderSchedule } from './schedule.ts'

const sha256 = (bytes: Uint8Array) => new Uint8Array(hash('sha256', bytes, 'buffer'))
const validators = [1n, 2n, 3n, 94n].map((stake, index) => ({ publicKey: simulatedKey(0, index), stake }))
const schedule = (seed: number, epoch = 0n) => leaderSchedule({ seed: Uint8Array.of(seed), epoch, validators, sha256 })
const leaders = (seed: number, epoch?: bigint) => Array.from({ length: 100 }, (_, view) => schedule(seed, epoch)(view + 1))

test('leaders come in proportion to stake', () => {
  const views = 20_000
  const leader = schedule(1)
  const counts = [0, 0, 0, 0]
  for (let view = 1; view <= views; view++) counts[leader(view)] = (counts[leader(view)] as number) + 1
  for (const [index, { stake }] of validators.entries()) {
    const share = Number(stake) / 100
    // Five standard deviations of a binomial; the seed is fixed, so this never flickers.
    const spread = 5 * Math.sqrt((share * (1 - share)) / views)
    expect(Math.abs((counts[index] as number) / views - share)).toBeLessThan(spread)
  }
})

test('the schedule follows from seed and epoch alone', () => {
  expect(leaders(1)).toEqual(leaders(1))
  expect(leaders(1)).not.toEqual(leaders(2))
  expect(leaders(1, 0n)).not.toEqual(leaders(1, 1n))
})

test('stakes beyond 2^53 count exactly', () => {
  const rich = [2n ** 127n, 1n].map((stake, index) => ({ publicKey: simulatedKey(0, index), stake }))
  const leader = leaderSchedule({ seed: Uint8Array.of(1), epoch: 0n, validators: rich, sha256 })
  expect(new Set(Array.from({ length: 1_000 }, (_, view) => leader(view + 1)))).toEqual(new Set([0]))
})
