import { beforeEach, describe, expect, it } from '@jest/globals'
import { type Hex, toHex } from '@zerog/primitives'
import { decodeFunctionResult } from 'viem'
import { artifacts } from '../../src/index.ts'
import {
  ADMIN,
  AT,
  type Claim,
  type ComputeClient,
  createComputeClient,
  eventsOf,
  hash,
  LOCK,
  og,
  openForBusiness,
  provider,
  reasonOf,
  serviceParams,
  signedClaim,
  sOf,
  user,
} from '../support/compute-client.ts'

const STATUS = ['SUCCESS', 'PARTIAL', 'PROVIDER_MISMATCH', 'NO_TEE_SIGNER', 'INVALID_NONCE', 'INVALID_SIGNATURE']
const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const P = provider(0)
let client: ComputeClient
beforeEach(async () => {
  client = await createComputeClient()
  await openForBusiness(client, { users: 2 })
})

const settle = async (claims: readonly Claim[], from: Hex = P) => {
  const items = await Promise.all(claims.map(signedClaim))
  const outcome = await client.send('inference', 'settleFeesWithTEE', [items], { from })
  if (!outcome.success) throw new Error(reasonOf(outcome))
  const abi = artifacts.inferenceServing.abi
  const codes = decodeFunctionResult({ abi, functionName: 'settleFeesWithTEE', data: outcome.output })
  return { outcome, statuses: codes.map((code) => STATUS[code]) }
}
const statusOf = async (claim: Claim, from: Hex = P): Promise<unknown> => (await settle([claim], from)).statuses[0]
const account = (of: Hex = user(0)) => client.read('inference', 'getAccount', [of, P])
const ledger = (of: Hex = user(0)) => client.read('ledger', 'getLedger', [of])
const last = (of: Hex = user(0)) => client.read('inference', 'settlementOf', [of, P])

describe('a settlement', () => {
  it('pays the fee, lowers account and ledger, and keeps what was claimed and paid', async () => {
    const before = await client.chain.balance(P)
    const { outcome, statuses } = await settle([{ totalFee: og(4), requestsHash: hash('a') }])
    expect(statuses).toEqual(['SUCCESS'])
    expect(eventsOf(outcome)).toEqual([
      `FundSpent(${user(0)},${AT.inferenceServing},${og(4)})`,
      `BalanceUpdated(${user(0)},${P},${og(6)},0)`,
      `TEESettlementResult(${user(0)},0,0)`,
    ])
    expect(await client.chain.balance(P)).toBe(before + og(4))
    expect(await account()).toMatchObject({ balance: og(6), nonce: 1n })
    expect(await ledger()).toMatchObject({ availableBalance: og(5), totalBalance: og(11) })
    expect(await last()).toEqual({ requestsHash: hash('a'), nonce: 1n, claimed: og(4), paid: og(4) })
  })

  it('of nothing uses the nonce up and moves no money', async () => {
    const { outcome, statuses } = await settle([{ totalFee: 0n, nonce: 7n }])
    expect(statuses).toEqual(['SUCCESS'])
    expect(eventsOf(outcome)).toEqual([`TEESettlementResult(${user(0)},0,0)`])
    expect(await account()).toMatchObject({ balance: og(10), nonce: 7n })
    expect(await last()).toMatchObject({ claimed: 0n, paid: 0n, nonce: 7n })
  })

  it('beyond the balance pays what is there; a top-up pays the rest', async () => {
    const { outcome, statuses } = await settle([{ totalFee: og(13) }])
    expect(statuses).toEqual(['PARTIAL'])
    expect(eventsOf(outcome).at(-1)).toBe(`TEESettlementResult(${user(0)},1,${og(3)})`)
    expect(await last()).toMatchObject({ claimed: og(13), paid: og(10) })
    expect(await account()).toMatchObject({ balance: 0n })
    await client.must('ledger', 'transferFund', [P, 'inference-v1.0', og(5)])
    expect(await statusOf({ totalFee: og(3), nonce: 2n })).toBe('SUCCESS')
    expect(await account()).toMatchObject({ balance: og(2), nonce: 2n })
    expect(await last()).toMatchObject({ claimed: og(3), paid: og(3) })
  })

  it('can be partial twice, and of an empty account pays nothing', async () => {
    expect(await statusOf({ totalFee: og(11) })).toBe('PARTIAL')
    expect(await statusOf({ totalFee: og(1), nonce: 2n })).toBe('PARTIAL')
    expect(await last()).toMatchObject({ claimed: og(1), paid: 0n, nonce: 2n })
    await client.must('ledger', 'transferFund', [P, 'inference-v1.0', og('0.4')])
    expect(await statusOf({ totalFee: og(1), nonce: 3n })).toBe('PARTIAL')
    expect(await last()).toMatchObject({ claimed: og(1), paid: og('0.4') })
  })

  it('eats pending refunds, the latest first', async () => {
    await client.must('ledger', 'retrieveFund', [[P], 'inference-v1.0'])
    // Takes 4 of the 10 back; then they are asked back again.
    await client.must('ledger', 'transferFund', [P, 'inference-v1.0', og(4)])
    expect(await account()).toMatchObject({ balance: og(10), pendingRefund: og(6) })
    client.chain.timestampSeconds += 100n
    await client.must('ledger', 'retrieveFund', [[P], 'inference-v1.0'])
    const amounts = async () => (await account()).refunds.map(({ amount }: { amount: bigint }) => amount)
    expect(await amounts()).toEqual([og(6), og(4)])
    expect(await statusOf({ totalFee: og(3) })).toBe('SUCCESS')
    expect(await amounts()).toEqual([og(6), og(1)])
    expect(await statusOf({ totalFee: og(2), nonce: 2n })).toBe('SUCCESS')
    expect(await amounts()).toEqual([og(5)])
    expect(await account()).toMatchObject({ balance: og(5), pendingRefund: og(5), validRefundsLength: 1n })
    expect(await statusOf({ totalFee: og(6), nonce: 3n })).toBe('PARTIAL')
    expect(await account()).toMatchObject({ balance: 0n, pendingRefund: 0n, refunds: [] })
  })

  it('takes what is free before it touches a refund', async () => {
    await client.must('ledger', 'retrieveFund', [[P], 'inference-v1.0'])
    await client.must('ledger', 'depositFund', [], { value: og(10) })
    await client.must('ledger', 'transferFund', [P, 'inference-v1.0', og(12)])
    await settle([{ totalFee: og(2) }])
    expect(await account()).toMatchObject({ balance: og(10), pendingRefund: 0n })
  })
})

describe('a claim that is not owed is refused by its status, at no cost for the others', () => {
  it('replayed, or with a nonce that did not rise', async () => {
    expect(await statusOf({ nonce: 5n })).toBe('SUCCESS')
    for (const nonce of [5n, 4n, 0n]) expect(await statusOf({ nonce })).toBe('INVALID_NONCE')
    expect(await account()).toMatchObject({ balance: og(9), nonce: 5n })
    expect(await statusOf({ nonce: 2n ** 256n - 1n })).toBe('SUCCESS')
  })

  it('replayed after the account was deleted and opened again', async () => {
    await settle([{ totalFee: og(10), nonce: 3n }])
    await client.must('ledger', 'refund', [og(5)])
    expect(await client.read('inference', 'accountExists', [user(0), P])).toBe(false)
    expect(await statusOf({ nonce: 4n })).toBe('INVALID_SIGNATURE')
    await client.must('ledger', 'addLedger', [''], { value: og(20) })
    await client.must('ledger', 'transferFund', [P, 'inference-v1.0', og(10)])
    expect(await account()).toMatchObject({ balance: og(10), nonce: 3n, acknowledged: true })
    expect(await statusOf({ totalFee: og(10), nonce: 3n })).toBe('INVALID_NONCE')
    expect(await statusOf({ totalFee: og(1), nonce: 4n })).toBe('SUCCESS')
  })

  it.each<[string, Claim]>([
    ['by another key', { key: `0x${'22'.repeat(32)}` }],
    ['for another chain', { chainId: 5 }],
    ['for another contract', { contract: AT.fineTuningServing }],
  ])('signed %s', async (_, claim) => {
    expect(await statusOf(claim)).toBe('INVALID_SIGNATURE')
    expect(await account()).toMatchObject({ balance: og(10), nonce: 0n })
  })

  it('whose signature has another form: high s, other v, other length, other fields', async () => {
    const claim = await signedClaim({})
    const r = claim.signature.slice(2, 66)
    const high = (CURVE_ORDER - sOf(claim.signature)).toString(16).padStart(64, '0')
    const flipped = claim.signature.endsWith('1b') ? '1c' : '1b'
    const changed = [
      { ...claim, signature: `0x${r}${high}${flipped}` },
      { ...claim, signature: `${claim.signature.slice(0, -2)}00` },
      { ...claim, signature: claim.signature.slice(0, -2) },
      { ...claim, signature: `${claim.signature}00` },
      { ...claim, signature: '0x' },
      { ...claim, signature: toHex(new Uint8Array(65)) },
      { ...claim, totalFee: claim.totalFee + 1n },
      { ...claim, nonce: 2n },
      { ...claim, requestsHash: hash('other') },
      { ...claim, user: user(1) },
    ]
    const outcome = await client.must('inference', 'settleFeesWithTEE', [changed], { from: P })
    const abi = artifacts.inferenceServing.abi
    const codes = decodeFunctionResult({ abi, functionName: 'settleFeesWithTEE', data: outcome.output })
    expect(codes).toEqual(changed.map(() => STATUS.indexOf('INVALID_SIGNATURE')))
  })

  it('of a user without account, sent by another provider, or without service', async () => {
    expect(await statusOf({ user: user(9) })).toBe('INVALID_SIGNATURE')
    expect(await statusOf({}, provider(1))).toBe('PROVIDER_MISMATCH')
    await client.must('ledger', 'transferFund', [provider(1), 'inference-v1.0', og(1)])
    expect(await statusOf({ provider: provider(1) }, provider(1))).toBe('PROVIDER_MISMATCH')
    await client.must('inference', 'removeService', [], { from: P })
    expect(await statusOf({})).toBe('PROVIDER_MISMATCH')
  })

  it('while owner or user does not acknowledge the signer, or there is none', async () => {
    await client.must('inference', 'revokeTEESignerAcknowledgement', [P], { from: ADMIN })
    expect(await statusOf({})).toBe('NO_TEE_SIGNER')
    await client.must('inference', 'acknowledgeTEESignerByOwner', [P], { from: ADMIN })
    expect(await statusOf({ totalFee: og(10) })).toBe('SUCCESS')
    await client.must('inference', 'acknowledgeTEESigner', [P, false])
    expect(await statusOf({ nonce: 2n })).toBe('NO_TEE_SIGNER')
    const unsigned = serviceParams({ teeSignerAddress: `0x${'00'.repeat(20)}` })
    await client.must('inference', 'addOrUpdateService', [unsigned], { from: P })
    await client.must('inference', 'acknowledgeTEESignerByOwner', [P], { from: ADMIN })
    expect(await statusOf({ user: user(1) })).toBe('NO_TEE_SIGNER')
  })

  it('as one of a batch of all kinds: statuses stand in the order of the items', async () => {
    const before = await client.chain.balance(P)
    const { outcome, statuses } = await settle([
      { user: user(9) },
      { totalFee: og(4) },
      { provider: provider(1) },
      { user: user(1), totalFee: og(12) },
      { totalFee: og(4) },
      { totalFee: og(1), nonce: 2n },
      { totalFee: og(1), nonce: 3n, key: `0x${'33'.repeat(32)}` },
    ])
    expect(statuses).toEqual([
      'INVALID_SIGNATURE',
      'SUCCESS',
      'PROVIDER_MISMATCH',
      'PARTIAL',
      'INVALID_NONCE',
      'SUCCESS',
      'INVALID_SIGNATURE',
    ])
    expect(await client.chain.balance(P)).toBe(before + og(15))
    expect(eventsOf(outcome).filter((event) => event.startsWith('TEESettlementResult'))).toHaveLength(7)
  })

  it('more than 50 at once, or none, revert', async () => {
    const one = await signedClaim({})
    expect(await client.try('inference', 'settleFeesWithTEE', [[]], { from: P })).toBe('NoSettlementsProvided()')
    const many = Array(51).fill(one)
    expect(await client.try('inference', 'settleFeesWithTEE', [many], { from: P })).toBe('TooManySettlements(51,50)')
    await expect(client.read('inference', 'previewSettlementResults', [[]], P)).rejects.toThrow('NoSettlementsProvided()')
    await expect(client.read('inference', 'previewSettlementResults', [many], P)).rejects.toThrow('TooManySettlements(51,50)')
  })
})

describe('a preview', () => {
  it('names failed and partial users as the settlement would', async () => {
    const items = await Promise.all(
      [{ totalFee: og(4) }, { user: user(1), totalFee: og(12) }, { user: user(9) }, { provider: provider(1) }].map(signedClaim),
    )
    const [failed, reasons, partial, amounts] = await client.read('inference', 'previewSettlementResults', [items], P)
    expect(failed.map((address: string) => address.toLowerCase())).toEqual([user(9), user(0)])
    expect(reasons).toEqual([5, 2])
    expect(partial.map((address: string) => address.toLowerCase())).toEqual([user(1)])
    expect(amounts).toEqual([og(2)])
    expect(await account()).toMatchObject({ nonce: 0n, balance: og(10) })
  })
})

describe('the exposure cap', () => {
  it('pays no more in two windows than the stake, and says PARTIAL for the rest', async () => {
    await client.must('ledger', 'depositFund', [], { value: og(300) })
    await client.must('ledger', 'transferFund', [P, 'inference-v1.0', og(300)])
    expect(await statusOf({ totalFee: og(70) })).toBe('SUCCESS')
    expect(await client.read('inference', 'stakeOf', [P])).toEqual([og(100), 0n, 0n, og(70), og(30)])
    const items = [await signedClaim({ totalFee: og(40), nonce: 2n })]
    const preview = await client.read('inference', 'previewSettlementResults', [items], P)
    expect(preview[3]).toEqual([og(10)])
    expect(await statusOf({ totalFee: og(40), nonce: 2n })).toBe('PARTIAL')
    expect(await last()).toMatchObject({ claimed: og(40), paid: og(30) })
    expect(await statusOf({ totalFee: og(1), nonce: 3n })).toBe('PARTIAL')
    client.chain.timestampSeconds += 3_600n
    expect(await statusOf({ totalFee: og(1), nonce: 4n })).toBe('PARTIAL')
    client.chain.timestampSeconds += 3_600n
    expect(await statusOf({ totalFee: og(99), nonce: 5n })).toBe('SUCCESS')
    await client.must('inference', 'addStake', [], { from: P, value: og(50) })
    expect(await client.read('inference', 'stakeOf', [P])).toEqual([og(150), 0n, 0n, og(99), og(51)])
    expect(await statusOf({ totalFee: og(50), nonce: 6n })).toBe('SUCCESS')
  })
})

it('time passes between request and payment of a refund', async () => {
  await client.must('ledger', 'retrieveFund', [[P], 'inference-v1.0'])
  client.chain.timestampSeconds += LOCK - 1n
  await client.must('ledger', 'retrieveFund', [[P], 'inference-v1.0'])
  expect(await ledger()).toMatchObject({ availableBalance: og(5) })
  client.chain.timestampSeconds += 1n
  const outcome = await client.must('ledger', 'retrieveFund', [[P], 'inference-v1.0'])
  expect(eventsOf(outcome)).toEqual([`BalanceUpdated(${user(0)},${P},0,0)`])
  expect(await ledger()).toMatchObject({ availableBalance: og(15), totalBalance: og(15) })
})
