import { beforeEach, describe, expect, it } from '@jest/globals'
import { fromHex, type Hex } from '@zerog/primitives'
import { privateKeyToAccount } from 'viem/accounts'
import {
  ADMIN,
  AT,
  type ComputeClient,
  createComputeClient,
  EVM_CHAIN_ID,
  eventsOf,
  og,
  openForBusiness,
  provider,
  SIGNER,
  SIGNER_KEY,
  serviceParams,
  signedClaim,
  user,
} from '../support/compute-client.ts'

const P = provider(0)
const WEEK = 7n * 86_400n
let client: ComputeClient
beforeEach(async () => {
  client = await createComputeClient()
})
const register = (value: bigint, change: Record<string, unknown> = {}): Promise<string> =>
  client.try('inference', 'addOrUpdateService', [serviceParams(change)], { from: P, value })
const stake = () => client.read('inference', 'stakeOf', [P])

describe('a provider', () => {
  it('stakes 100 0G at least with its first registration, and nothing with an update', async () => {
    expect(await register(og(100) - 1n)).toBe(`InsufficientStake(${og(100) - 1n},${og(100)})`)
    expect(await register(og(100))).toBe('success')
    expect(await register(1n)).toBe('CannotAddStakeWhenUpdating()')
    expect(await register(0n)).toBe('success')
    expect(await register(0n, { additionalInfo: 'x'.repeat(4_097) })).toBe('AdditionalInfoTooLong()')
    expect(await client.try('inference', 'addStake', [], { from: provider(1), value: 1n })).toBe(
      `ServiceNotExist(${provider(1)})`,
    )
  })

  it('has its signer acknowledged anew after a change of anything but price and url', async () => {
    await openForBusiness(client, { users: 0 })
    const acknowledged = async (): Promise<boolean> => (await client.read('inference', 'getService', [P])).teeSignerAcknowledged
    expect(await register(0n, { url: 'http://other', inputPrice: 9n, outputPrice: 8n })).toBe('success')
    expect(await acknowledged()).toBe(true)
    const other = '0x00000000000000000000000000000000000000ff'
    for (const change of [
      { serviceType: 'x' },
      { model: 'x' },
      { verifiability: 'TeeML' },
      { additionalInfo: '{"a":1}' },
      { teeSignerAddress: other },
    ]) {
      await register(0n, change)
      expect([change, await acknowledged()]).toEqual([change, false])
      await register(0n)
      await client.must('inference', 'acknowledgeTEESignerByOwner', [P], { from: ADMIN })
    }
  })

  it('gets its stake back a week after it removed its service, not in the same transaction', async () => {
    await openForBusiness(client, { users: 0 })
    const removed = await client.must('inference', 'removeService', [], { from: P })
    const releaseAt = client.chain.timestampSeconds + WEEK
    expect(eventsOf(removed)).toEqual([`ServiceRemoved(${P})`, `StakeUnbonding(${P},${og(100)},${releaseAt})`])
    expect(await client.read('inference', 'serviceExists', [P])).toBe(false)
    expect(await client.read('inference', 'getAllServices', [0n, 0n])).toEqual([[], 0n])
    expect(await client.try('inference', 'removeService', [], { from: P })).toBe(`ServiceNotExist(${P})`)
    client.chain.timestampSeconds = releaseAt - 1n
    expect(await client.try('inference', 'withdrawStake', [], { from: P })).toBe(`StakeLocked(${releaseAt},0)`)
    expect(await client.try('inference', 'withdrawStake', [], { from: provider(1) })).toBe('InsufficientStake(0,1)')
    client.chain.timestampSeconds = releaseAt
    const before = await client.chain.balance(P)
    expect(eventsOf(await client.must('inference', 'withdrawStake', [], { from: P }))).toEqual([
      `ProviderStakeReturned(${P},${og(100)})`,
    ])
    expect(await client.chain.balance(P)).toBe(before + og(100))
    expect(await client.try('inference', 'withdrawStake', [], { from: P })).toBe('InsufficientStake(0,1)')
  })

  it('cannot take its stake while a settlement is open, whatever the unbonding time', async () => {
    await client.must('inference', 'setStakeRules', [{ unbondingSeconds: 60, windowSeconds: 3_600, exposureCapBps: 10_000 }], {
      from: ADMIN,
    })
    await openForBusiness(client)
    const claim = await signedClaim({ totalFee: og(2) })
    await client.must('inference', 'settleFeesWithTEE', [[claim]], { from: P })
    const settledAt = client.chain.timestampSeconds
    await client.must('inference', 'removeService', [], { from: P })
    client.chain.timestampSeconds += 7_199n
    expect(await client.try('inference', 'withdrawStake', [], { from: P })).toBe(`StakeLocked(${settledAt + 60n},${og(2)})`)
    client.chain.timestampSeconds += 1n
    expect(await client.try('inference', 'withdrawStake', [], { from: P })).toBe('success')
  })

  it('that registers again while it unbonds stakes anew, and gets both back', async () => {
    await openForBusiness(client, { users: 0 })
    await client.must('inference', 'removeService', [], { from: P })
    expect(await register(0n)).toBe(`InsufficientStake(0,${og(100)})`)
    expect(await register(og(120))).toBe('success')
    expect(await stake()).toEqual([og(120), og(100), client.chain.timestampSeconds + WEEK, 0n, og(120)])
    client.chain.timestampSeconds += WEEK
    await client.must('inference', 'withdrawStake', [], { from: P })
    await client.must('inference', 'removeService', [], { from: P })
    client.chain.timestampSeconds += WEEK
    await client.must('inference', 'withdrawStake', [], { from: P })
    expect(await client.chain.balance(AT.inferenceServing)).toBe(0n)
  })
})

describe('a signer', () => {
  const statement = (key: Hex, change: { provider?: Hex; signer?: Hex } = {}): Promise<Hex> =>
    privateKeyToAccount(key).signTypedData({
      domain: { name: '0G Signer Policy', version: '1', chainId: EVM_CHAIN_ID, verifyingContract: AT.signerPolicy },
      types: {
        SignerStatement: [
          { name: 'serving', type: 'address' },
          { name: 'provider', type: 'address' },
          { name: 'signer', type: 'address' },
        ],
      },
      primaryType: 'SignerStatement',
      message: { serving: AT.inferenceServing, provider: P, signer: SIGNER, ...change },
    })
  const acknowledge = (evidence: Hex): Promise<string> =>
    client.try('inference', 'acknowledgeTEESignerByPolicy', [P, evidence], { from: user(3) })
  const REFUSED = `SignerNotAccepted(${P},${SIGNER})`
  const attesterKeys = ['55', '66', '77']
    .map((byte): Hex => `0x${byte.repeat(32)}`)
    .toSorted((a, b) => Number(BigInt(privateKeyToAccount(a).address) - BigInt(privateKeyToAccount(b).address) > 0n ? 1 : -1))

  it('acknowledges itself for a provider by its own signature, brought by anyone', async () => {
    await register(og(100))
    expect(await acknowledge('0x')).toBe(REFUSED)
    expect(await acknowledge(await statement(`0x${'22'.repeat(32)}`))).toBe(REFUSED)
    expect(await acknowledge(await statement(SIGNER_KEY, { provider: provider(1) }))).toBe(REFUSED)
    expect(await acknowledge(`${await statement(SIGNER_KEY)}00`)).toBe(REFUSED)
    expect(await acknowledge(await statement(SIGNER_KEY))).toBe('success')
    expect((await client.read('inference', 'getService', [P])).teeSignerAcknowledged).toBe(true)
    const missing = client.try('inference', 'acknowledgeTEESignerByPolicy', [provider(2), await statement(SIGNER_KEY)])
    expect(await missing).toBe(`ServiceNotExist(${provider(2)})`)
  })

  it('that the owner revoked stays revoked until the owner acknowledges it', async () => {
    await register(og(100))
    await client.must('inference', 'revokeTEESignerAcknowledgement', [P], { from: ADMIN })
    expect(await acknowledge(await statement(SIGNER_KEY))).toBe(REFUSED)
    await client.must('inference', 'acknowledgeTEESignerByOwner', [P], { from: ADMIN })
    await register(0n, { model: 'another' })
    expect(await acknowledge(await statement(SIGNER_KEY))).toBe('success')
  })

  it('needs the attesters that the policy demands, each once, by rising address', async () => {
    await register(og(100))
    const [a, b, c] = (await Promise.all(attesterKeys.map((key) => statement(key)))) as [Hex, Hex, Hex]
    const own = await statement(SIGNER_KEY)
    const join = (...parts: Hex[]): Hex => `0x${parts.map((part) => part.slice(2)).join('')}`
    await client.must('policy', 'setRequiredAttestations', [2n], { from: ADMIN })
    for (const key of attesterKeys.slice(0, 2)) {
      await client.must('policy', 'setAttester', [privateKeyToAccount(key).address, true], { from: ADMIN })
    }
    for (const evidence of [
      own,
      join(own, a),
      join(own, b, a),
      join(own, a, a),
      join(own, a, c),
      join(a, a, b),
      join(own, a, b, c),
    ]) {
      expect(await acknowledge(evidence)).toBe(REFUSED)
    }
    expect(fromHex(join(own, a, b))).toHaveLength(195)
    expect(await acknowledge(join(own, a, b))).toBe('success')
    expect(await client.try('policy', 'setRequiredAttestations', [33n], { from: ADMIN })).toBe('TooManyAttestations(33,32)')
  })

  it('is acknowledged by nobody but the owner where there is no policy', async () => {
    await register(og(100))
    await client.must('inference', 'setSignerPolicy', [`0x${'00'.repeat(20)}`], { from: ADMIN })
    expect(await acknowledge(await statement(SIGNER_KEY))).toBe(REFUSED)
  })
})

describe('what the owner may do', () => {
  const NOT_OWNER = 'Error(ownable: caller is not the owner)'
  it.each([
    ['inference', 'updateLockTime', [3_600n]],
    ['inference', 'acknowledgeTEESignerByOwner', [P]],
    ['inference', 'revokeTEESignerAcknowledgement', [P]],
    ['inference', 'setSignerPolicy', [P]],
    ['inference', 'setStakeRules', [{ unbondingSeconds: 60, windowSeconds: 1, exposureCapBps: 1 }]],
    ['inference', 'transferOwnership', [P]],
    ['inference', 'renounceOwnership', []],
    ['tuning', 'updateLockTime', [3_600n]],
    ['tuning', 'updatePenaltyPercentage', [1n]],
    ['ledger', 'registerService', ['a', 'b', P, '']],
    ['ledger', 'setRecommendedService', ['a', 'b']],
    ['policy', 'setAttester', [P, true]],
    ['policy', 'setRequiredAttestations', [1n]],
  ] as const)('%s.%s nobody else may', async (contract, name, args) => {
    expect(await client.try(contract, name, args)).toBe(NOT_OWNER)
  })

  it('is handed over in two steps, ends by renouncing, and never begins anew', async () => {
    expect(await client.try('inference', 'transferOwnership', [`0x${'00'.repeat(20)}`], { from: ADMIN })).toMatch(/zero address/)
    await client.must('inference', 'transferOwnership', [user(1)], { from: ADMIN })
    expect(await client.try('inference', 'acceptOwnership', [])).toMatch(/not the new owner/)
    await client.must('inference', 'acceptOwnership', [], { from: user(1) })
    await client.must('inference', 'renounceOwnership', [], { from: user(1) })
    expect(await client.try('inference', 'updateLockTime', [3_600n], { from: user(1) })).toBe(NOT_OWNER)
    expect(await client.try('inference', 'initialize', [3_600n, P, P])).toBe('AlreadyInitialized()')
    expect(await client.try('ledger', 'initialize', [P])).toBe('AlreadyInitialized()')
    expect(await client.try('tuning', 'initialize', [3_600n, AT.ledgerManager, P, 1n])).toBe('AlreadyInitialized()')
    expect(await client.try('policy', 'initialize', [P])).toBe('AlreadyInitialized()')
  })

  it('stays within ranges', async () => {
    const rules = { unbondingSeconds: 60, windowSeconds: 1, exposureCapBps: 1 }
    for (const change of [
      { unbondingSeconds: 59 },
      { unbondingSeconds: 7_776_001 },
      { windowSeconds: 0 },
      { windowSeconds: 604_801 },
      { exposureCapBps: 0 },
      { exposureCapBps: 1_000_001 },
    ]) {
      expect(await client.try('inference', 'setStakeRules', [{ ...rules, ...change }], { from: ADMIN })).toBe(
        'StakeRulesOutOfRange()',
      )
    }
    for (const seconds of [3_599n, 604_801n]) {
      const range = `LockTimeOutOfRange(${seconds},3600,604800)`
      expect(await client.try('inference', 'updateLockTime', [seconds], { from: ADMIN })).toBe(range)
      expect(await client.try('tuning', 'updateLockTime', [seconds], { from: ADMIN })).toBe(`LockTimeOutOfRange(${seconds})`)
    }
    expect(await client.try('tuning', 'updatePenaltyPercentage', [101n], { from: ADMIN })).toBe('PenaltyPercentageTooHigh(101)')
    expect(eventsOf(await client.must('inference', 'updateLockTime', [7_200n], { from: ADMIN }))).toEqual([
      'LockTimeUpdated(86400,7200)',
    ])
    expect(eventsOf(await client.must('tuning', 'updateLockTime', [86_400n], { from: ADMIN }))).toEqual([])
  })
})
