import { describe, expect, it } from '@jest/globals'
import { artifacts } from '../../src/index.ts'
import { createComputeClient, hash, og, openForBusiness, provider, signedClaim, user } from '../support/compute-client.ts'

const USERS = 50
/** Ceilings a little above what was measured (CLAIMS.md), so that a change that costs providers gas is seen. */
const CEILINGS = { 'first settlement, per user': 99_000, 'later settlement, per user': 45_000 }

describe('gas of a batch of 50 users', () => {
  it('stays below its ceilings', async () => {
    const client = await createComputeClient()
    await openForBusiness(client, { users: USERS, balance: og(2) })
    const round = async (nonce: bigint): Promise<number> => {
      const items = await Promise.all(
        Array.from({ length: USERS }, (_, index) =>
          signedClaim({
            user: user(index),
            nonce: 17_900_000_000_000_000n + nonce,
            totalFee: 1_234_567_890_123_456n + BigInt(index),
            requestsHash: hash(`${nonce} ${index}`),
          }),
        ),
      )
      const outcome = await client.must('inference', 'settleFeesWithTEE', [items], { from: provider(0) })
      return Number(outcome.gasUsed) / USERS
    }
    const measured = { 'first settlement, per user': await round(1n), 'later settlement, per user': await round(2n) }
    process.stdout.write(`settlement gas in a batch of ${USERS}: ${JSON.stringify(measured)}\n`)
    for (const [name, ceiling] of Object.entries(CEILINGS) as [keyof typeof CEILINGS, number][]) {
      expect(measured[name]).toBeLessThan(ceiling)
      // A figure far below its ceiling means that the ceiling no longer guards anything.
      expect(measured[name]).toBeGreaterThan(ceiling * 0.85)
    }
  })
})

it('every contract fits into the size limit of EIP-170', () => {
  for (const { deployedBytecode } of Object.values(artifacts)) expect(deployedBytecode.length / 2 - 1).toBeLessThan(24_576)
})
