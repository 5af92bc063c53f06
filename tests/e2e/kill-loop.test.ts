import { expect, jest, test } from '@jest/globals'
import { type Shape, VICTIMS } from '../chaos/kill/fire.ts'
import { runKillLoop } from '../chaos/kill/rounds.ts'
import { LANES } from '../chaos/kill/workload.ts'

/** `npm run test:long` runs 200 in all; `pnpm chaos:kill` as many as one likes. */
const ROUNDS = process.env.ZEROG_TEST_LONG === '1' ? 100 : 3
/** Of each lane and round. */
const AMOUNT = { transfers: 15, files: 1 }
const SEED = BigInt(process.env.ZEROG_SEED ?? Date.now() % 2 ** 31)

jest.setTimeout(120_000 + ROUNDS * 60_000)

test.each(['one', 'many'] as const)('%s: whatever is killed, nothing acknowledged is lost or doubled', async (shape: Shape) => {
  process.stderr.write(`kill loop, ${shape}: ZEROG_SEED=${SEED}\n`)
  const report = await runKillLoop({ shape, rounds: ROUNDS, seed: SEED, amount: AMOUNT })
  expect(Object.values(report.kills).reduce((sum, count) => sum + count, 0)).toBe(ROUNDS)
  expect(Object.keys(report.kills)).toHaveLength(Math.min(ROUNDS, VICTIMS[shape].length))
  // The loop had something to lose, and every kill was felt.
  expect(report.transfers).toBe(ROUNDS * LANES.transfers * AMOUNT.transfers)
  expect(report.files).toBe(ROUNDS * LANES.files * AMOUNT.files)
  expect(report.events.events).toBe(report.files)
  expect(report.transactions).toBe(report.transfers + report.files + report.repeatedSubmissions + report.failedSubmissions)
  process.stderr.write(`${JSON.stringify({ ...report, height: String(report.height) })}\n`)
})
