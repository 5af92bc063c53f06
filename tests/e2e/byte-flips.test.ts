import { expect, jest, test } from '@jest/globals'
import { ZerogError } from '@zerog/primitives'
import { runCampaign } from '../chaos/flips/campaign.ts'
import { judgeError, silentlyWrong } from '../chaos/flips/verdict.ts'

/** `npm run test:long` flips 1,000 and starts 12; `pnpm chaos:flips` as many as one likes. */
const LONG = process.env.ZEROG_TEST_LONG === '1'
const FLIPS = LONG ? 1_000 : 30
const STARTS = LONG ? 12 : 1
const SEED = BigInt(process.env.ZEROG_SEED ?? Date.now() % 2 ** 31)

jest.setTimeout(60_000 + FLIPS * 1_000 + STARTS * 60_000)

test(`${FLIPS} flipped bytes over all stores of a devnet: refused by name, stopped with a remedy, or without effect`, async () => {
  process.stderr.write(`byte flips: ZEROG_SEED=${SEED}\n`)
  const { tally, wrong } = await runCampaign({ flips: FLIPS, starts: STARTS, seed: SEED })
  process.stderr.write(`${JSON.stringify(tally)}\n`)
  expect(wrong).toEqual([])
  const counts = Object.values(tally).flatMap((kinds) => Object.values(kinds))
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(FLIPS + STARTS)
  // Segments are all data: a flip there must be felt.
  expect(tally['storage-node-0/segments.blobs']?.refused).toBeGreaterThan(0)
})

test('a store that lies, or an error that names nothing, would be seen', () => {
  const truth = new Map([['block 1', 'a']])
  expect(silentlyWrong([{ name: 'block 1', value: 'a' }], truth)).toBeUndefined()
  expect(silentlyWrong([{ name: 'block 1', error: new Error('refused') }], truth)).toBeUndefined()
  expect(silentlyWrong([{ name: 'block 1', value: 'b' }], truth)).toMatch(/block 1 is b/)
  expect(silentlyWrong([], truth)).toMatch(/gone/)
  const corrupt = (message: string, metadata = {}) =>
    judgeError(new ZerogError('RECORD_CORRUPT', { message, metadata }), ['chain'])
  expect(corrupt('chain/block/00 is damaged', { key: '00' }).kind).toBe('refused')
  expect(corrupt('chain/trie/00 is damaged: run `zerog chain rebuild`').kind).toBe('stopped')
  expect(corrupt('something is damaged').kind).toBe('WRONG')
  expect(judgeError(new TypeError('chain'), ['chain']).kind).toBe('WRONG')
  expect(judgeError(new ZerogError('NOT_FOUND', { message: 'chain' }), ['chain']).kind).toBe('WRONG')
})
