import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import {
  ADMIN,
  AT,
  type ComputeClient,
  createComputeClient,
  LOCK,
  og,
  provider,
  serviceParams,
  signedClaim,
  user,
} from '../support/compute-client.ts'

const USERS = [0, 1, 2].map(user)
const PROVIDERS = [0, 1].map(provider)
const SERVICES = [
  ['inference', 'inference-v1.0'],
  ['tuning', 'fine-tuning-v1.0'],
] as const

type Step = { readonly kind: (typeof KINDS)[number]; readonly user: number; readonly provider: number; readonly amount: bigint }
const KINDS = [
  'deposit',
  'transfer',
  'transfer',
  'retrieve',
  'refund',
  'refundAll',
  'wait',
  'settle',
  'settle',
  'remove',
  'delete',
] as const

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...KINDS),
    user: fc.nat(USERS.length - 1),
    provider: fc.nat(PROVIDERS.length - 1),
    // Whole tokens and single wei: minimums and rounding.
    amount: fc
      .tuple(fc.bigInt({ min: 0n, max: 12n }), fc.bigInt({ min: 0n, max: 2n }))
      .map(([tokens, wei]) => og(1) * tokens + wei),
  }),
  { minLength: 10, maxLength: 30 },
)

describe('whatever users and providers do in whatever order', () => {
  it('no wei is lost or made: ledgers, sub-accounts, stakes and balances agree', async () => {
    const seed = Number(process.env.ZEROG_SEED ?? Math.floor(Math.random() * 2 ** 31))
    process.stdout.write(`compute invariants: seed ${seed} (ZEROG_SEED replays)\n`)
    const numRuns = process.env.ZEROG_TEST_LONG === '1' ? 200 : 4
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const client = await createComputeClient()
        for (const at of PROVIDERS) await register(client, at)
        const nonces = new Map<string, bigint>()
        for (const step of list) {
          await apply(client, step, nonces)
          await check(client)
        }
      }),
      { seed, numRuns },
    )
  })
})

async function register(client: ComputeClient, at: (typeof PROVIDERS)[number]): Promise<void> {
  await client.send('inference', 'addOrUpdateService', [serviceParams()], { from: at, value: og(100) })
  await client.send('inference', 'acknowledgeTEESignerByOwner', [at], { from: ADMIN })
}

/** Anything may be refused; whether it is, is not the question here. */
async function apply(client: ComputeClient, step: Step, nonces: Map<string, bigint>): Promise<void> {
  const [from, at] = [USERS[step.user] ?? user(0), PROVIDERS[step.provider] ?? provider(0)]
  const [, service] = SERVICES[step.amount % 2n === 0n ? 0 : 1]
  switch (step.kind) {
    case 'deposit':
      await client.send('ledger', 'depositFund', [], { from, value: step.amount })
      return
    case 'transfer':
      await client.send('ledger', 'transferFund', [at, service, step.amount], { from })
      return
    case 'retrieve':
      await client.send('ledger', 'retrieveFund', [PROVIDERS, service], { from })
      return
    case 'refund':
      await client.send('ledger', 'refund', [step.amount], { from })
      return
    case 'refundAll': {
      const [ledgers] = await client.read('ledger', 'getAllLedgers', [0n, 0n])
      const own = ledgers.find((ledger: { user: string }) => ledger.user.toLowerCase() === from)
      if (own !== undefined) await client.must('ledger', 'refund', [own.availableBalance], { from })
      return
    }
    case 'wait':
      client.chain.timestampSeconds += LOCK / 2n + (step.amount % 2n)
      return
    case 'settle': {
      const nonce = (nonces.get(`${from}${at}`) ?? 0n) + 1n
      nonces.set(`${from}${at}`, nonce)
      const before = await client.chain.balance(at)
      const claims = await Promise.all([
        signedClaim({ user: from, provider: at, totalFee: step.amount, nonce }),
        signedClaim({ user: from, provider: at, totalFee: step.amount, nonce }),
      ])
      await client.must('inference', 'settleFeesWithTEE', [claims], { from: at })
      const { paid, claimed, nonce: last } = await client.read('inference', 'settlementOf', [from, at])
      const received = (await client.chain.balance(at)) - before
      if (last === nonce) expect([received, claimed]).toEqual([paid, step.amount])
      else expect(received).toBe(0n)
      return
    }
    case 'remove':
      await client.send('inference', 'removeService', [], { from: at })
      if (step.amount % 2n === 0n) await register(client, at)
      client.chain.timestampSeconds += step.amount > og(6) ? 7n * LOCK : 0n
      await client.send('inference', 'withdrawStake', [], { from: at })
      return
    case 'delete':
      await client.send('ledger', 'deleteLedger', [], { from })
  }
}

async function check(client: ComputeClient): Promise<void> {
  const [ledgers] = await client.read('ledger', 'getAllLedgers', [0n, 0n])
  let available = 0n
  const inAccounts = new Map<string, bigint>()
  for (const [name] of SERVICES) {
    const [accounts, total] = await client.read(name, 'getAllAccounts', [0n, 0n])
    expect(total).toBe(BigInt(accounts.length))
    let held = 0n
    for (const account of accounts) {
      expect(account.pendingRefund).toBeLessThanOrEqual(account.balance)
      const refunds = (account.refunds ?? []) as { amount: bigint }[]
      if (name === 'inference') expect(refunds.reduce((sum, { amount }) => sum + amount, 0n)).toBe(account.pendingRefund)
      held += account.balance
      const owner = account.user.toLowerCase()
      inAccounts.set(owner, (inAccounts.get(owner) ?? 0n) + account.balance)
    }
    for (const at of PROVIDERS) {
      const [bonded, unbonding] = await client.read(name, 'stakeOf', [at])
      held += bonded + unbonding
    }
    expect([name, await client.chain.balance(name === 'inference' ? AT.inferenceServing : AT.fineTuningServing)]).toEqual([
      name,
      held,
    ])
  }
  for (const ledger of ledgers) {
    available += ledger.availableBalance
    expect(ledger.totalBalance).toBe(ledger.availableBalance + (inAccounts.get(ledger.user.toLowerCase()) ?? 0n))
    inAccounts.delete(ledger.user.toLowerCase())
  }
  expect([...inAccounts.values()].every((balance) => balance === 0n)).toBe(true)
  expect(await client.chain.balance(AT.ledgerManager)).toBe(available)
}
