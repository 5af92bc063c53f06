import { beforeEach, describe, expect, it } from '@jest/globals'
import type { Hex } from '@zerog/primitives'
import { privateKeyToAccount } from 'viem/accounts'
import {
  ADMIN,
  AT,
  type ComputeClient,
  createComputeClient,
  EVM_CHAIN_ID,
  eventsOf,
  og,
  provider,
  SIGNER,
  SIGNER_KEY,
  user,
} from '../support/compute-client.ts'

const ME = user(0)
const P = provider(0)
const SERVICE = 'fine-tuning-v1.0'
const QUOTA = { cpuCount: 1n, nodeMemory: 2n, gpuCount: 3n, nodeStorage: 4n, gpuType: 'none' }
let client: ComputeClient
beforeEach(async () => {
  client = await createComputeClient()
  await client.must('tuning', 'addOrUpdateService', ['http://x', QUOTA, 7n, false, ['m'], SIGNER], { from: P, value: og(100) })
  await client.must('tuning', 'acknowledgeTEESignerByOwner', [P], { from: ADMIN })
  await client.must('ledger', 'addLedger', [''], { value: og(300) })
  await client.must('ledger', 'transferFund', [P, SERVICE, og(200)])
})
const mine = (name: string, args: readonly unknown[]): Promise<string> => client.try('tuning', name, args)
const theirs = (name: string, args: readonly unknown[]): Promise<string> => client.try('tuning', name, args, { from: P })
const account = () => client.read('tuning', 'getAccount', [ME, P])

async function input(
  change: Partial<{ id: string; secret: Hex; root: Hex; nonce: bigint; fee: bigint; key: Hex; user: Hex }> = {},
) {
  const message = {
    id: change.id ?? 'a',
    encryptedSecret: change.secret ?? '0x',
    modelRootHash: change.root ?? '0x11',
    nonce: change.nonce ?? 1n,
    taskFee: change.fee ?? og(10),
    user: change.user ?? ME,
  }
  const signature = await privateKeyToAccount(change.key ?? SIGNER_KEY).signTypedData({
    domain: { name: '0G Fine-Tuning Serving', version: '1', chainId: EVM_CHAIN_ID, verifyingContract: AT.fineTuningServing },
    types: {
      VerifierMessage: [
        { name: 'id', type: 'string' },
        { name: 'encryptedSecret', type: 'bytes' },
        { name: 'modelRootHash', type: 'bytes' },
        { name: 'nonce', type: 'uint256' },
        { name: 'taskFee', type: 'uint256' },
        { name: 'user', type: 'address' },
      ],
    },
    primaryType: 'VerifierMessage',
    message,
  })
  return { ...message, signature }
}
const settle = async (change: Parameters<typeof input>[0] = {}): Promise<string> => theirs('settleFees', [await input(change)])

describe('a deliverable', () => {
  it('is added, acknowledged and paid for its secret', async () => {
    expect(eventsOf(await client.must('tuning', 'addDeliverable', [ME, 'a', '0x11'], { from: P }))).toEqual([
      `DeliverableAdded(${ME},${P},a,0x11,1800000000)`,
    ])
    await client.must('tuning', 'acknowledgeDeliverable', [P, 'a'])
    expect(await settle()).toBe('SecretShouldNotBeEmpty()')
    const before = await client.chain.balance(P)
    const outcome = await client.must('tuning', 'settleFees', [await input({ secret: '0x99' })], { from: P })
    expect(eventsOf(outcome)).toEqual([
      `FeesSettled(${ME},${P},a,${og(10)},true,1)`,
      `FundSpent(${ME},${AT.fineTuningServing},${og(10)})`,
      `BalanceUpdated(${ME},${P},${og(190)},0)`,
    ])
    expect(await client.chain.balance(P)).toBe(before + og(10))
    expect(await client.read('tuning', 'getDeliverable', [ME, P, 'a'])).toMatchObject({ encryptedSecret: '0x99', settled: true })
    expect(await account()).toMatchObject({ nonce: 1n, balance: og(190), deliverablesCount: 1n, deliverablesHead: 0n })
    expect(await settle({ nonce: 2n, secret: '0x99' })).toBe('DeliverableAlreadySettled(a)')
    expect(await mine('acknowledgeDeliverable', [P, 'a'])).toBe('CannotAcknowledgeSettledDeliverable(a)')
    expect(await theirs('abandonDeliverable', [ME, 'a'])).toBe('CannotAbandonSettledDeliverable(a)')
  })

  it('that is not acknowledged costs the penalty and keeps its secret', async () => {
    await client.must('tuning', 'addDeliverable', [ME, 'a', '0x11'], { from: P })
    expect(await settle({ secret: '0x99' })).toBe('SecretShouldBeEmpty()')
    expect(await settle({ fee: og(10) + 3n })).toBe('success')
    expect(await account()).toMatchObject({ balance: og(197) })
    expect(await theirs('addDeliverable', [ME, 'b', '0x'])).toBe('PreviousDeliverableNotAcknowledged(a)')
  })

  it('may be given up, which frees the way for the next', async () => {
    await client.must('tuning', 'addDeliverable', [ME, 'a', '0x11'], { from: P })
    expect(await theirs('abandonDeliverable', [ME, 'x'])).toBe('DeliverableNotExists(x)')
    expect(await theirs('abandonDeliverable', [ME, 'a'])).toBe('success')
    expect(await theirs('addDeliverable', [ME, 'b', '0x22'])).toBe('success')
    expect(await settle({})).toBe('DeliverableAlreadySettled(a)')
  })

  it('has an id of its own, of 1 to 256 bytes', async () => {
    expect(await theirs('addDeliverable', [ME, '', '0x'])).toBe('DeliverableIdInvalidLength(0)')
    expect(await theirs('addDeliverable', [ME, 'x'.repeat(257), '0x'])).toBe('DeliverableIdInvalidLength(257)')
    expect(await theirs('addDeliverable', [user(1), 'a', '0x'])).toBe(`AccountNotExists(${user(1)},${P})`)
    expect(await theirs('addDeliverable', [ME, 'a', '0x'])).toBe('success')
    expect(await theirs('addDeliverable', [ME, 'a', '0x'])).toBe('DeliverableAlreadyExists(a)')
    expect(await mine('acknowledgeDeliverable', [P, 'b'])).toBe('DeliverableNotExists(b)')
    await expect(client.read('tuning', 'getDeliverable', [ME, P, 'b'])).rejects.toThrow('DeliverableNotExists(b)')
  })

  it('is the 21st only when the oldest is settled, and takes its place', async () => {
    for (let index = 0; index < 20; index++) {
      await client.must('tuning', 'addDeliverable', [ME, `d${index}`, '0x11'], { from: P })
      await client.must('tuning', 'acknowledgeDeliverable', [P, `d${index}`])
    }
    expect(await theirs('addDeliverable', [ME, 'new', '0x11'])).toBe('CannotEvictUnsettledDeliverable(d0)')
    expect(await settle({ id: 'd0', secret: '0x99', fee: 0n })).toBe('success')
    const outcome = await client.must('tuning', 'addDeliverable', [ME, 'new', '0x11'], { from: P })
    expect(eventsOf(outcome)[0]).toBe(`DeliverableEvicted(${P},${ME},d0,new,1800000000)`)
    const ids = (await client.read('tuning', 'getDeliverables', [ME, P])).map(({ id }: { id: string }) => id)
    expect(ids).toEqual([...Array.from({ length: 19 }, (_, index) => `d${index + 1}`), 'new'])
    expect(await account()).toMatchObject({ deliverablesHead: 1n, deliverablesCount: 20n })
    expect(await theirs('addDeliverable', [ME, 'd0', '0x'])).toBe('PreviousDeliverableNotAcknowledged(new)')
  })

  it('is forgotten with the account, whose nonce stays', async () => {
    await client.must('tuning', 'addDeliverable', [ME, 'a', '0x11'], { from: P })
    await client.must('tuning', 'acknowledgeDeliverable', [P, 'a'])
    await settle({ nonce: 5n, secret: '0x99', fee: og(100) })
    client.chain.timestampSeconds += 7_200n
    await client.must('ledger', 'retrieveFund', [[P], SERVICE])
    client.chain.timestampSeconds += 86_400n
    await client.must('ledger', 'retrieveFund', [[P], SERVICE])
    await client.must('ledger', 'refund', [og(200)])
    expect(await client.read('tuning', 'accountExists', [ME, P])).toBe(false)
    await client.must('ledger', 'addLedger', [''], { value: og(20) })
    await client.must('ledger', 'transferFund', [P, SERVICE, og(20)])
    expect(await account()).toMatchObject({ nonce: 5n, deliverables: [], balance: og(20) })
    expect(await theirs('addDeliverable', [ME, 'a', '0x11'])).toBe('success')
    expect(await settle({ nonce: 5n })).toMatch(/nonce should larger/)
  })
})

describe('a fee that is not owed is refused by its reason', () => {
  beforeEach(async () => {
    await client.must('tuning', 'addDeliverable', [ME, 'a', '0x11'], { from: P })
  })
  it.each<[string, Parameters<typeof input>[0], string]>([
    ['another key', { key: `0x${'22'.repeat(32)}` }, 'InvalidVerifierInput(tee settlement validation failed)'],
    ['another model', { root: '0x12' }, 'InvalidVerifierInput(model root hash mismatch)'],
    ['more than the balance', { fee: og(201) }, 'InvalidVerifierInput(insufficient balance)'],
    ['an old nonce', { nonce: 0n }, 'InvalidVerifierInput(nonce should larger than the current nonce)'],
    ['an unknown task', { id: 'zz' }, 'DeliverableNotExists(zz)'],
    ['an unknown user', { user: user(1) }, `AccountNotExists(${user(1)},${P})`],
  ])('%s', async (_, change, reason) => {
    expect(await settle(change)).toBe(reason)
    expect(await account()).toMatchObject({ nonce: 0n, balance: og(200) })
  })

  it('a signer that is revoked, a service that is gone, a cap that is reached', async () => {
    await client.must('tuning', 'acknowledgeDeliverable', [P, 'a'])
    expect(await settle({ fee: og(101), secret: '0x99' })).toBe(`ExposureCapReached(${og(101)},${og(100)})`)
    await client.must('tuning', 'revokeTEESignerAcknowledgement', [P], { from: ADMIN })
    expect(await settle({ secret: '0x99' })).toBe('InvalidVerifierInput(tee signer not acknowledged)')
    await client.must('tuning', 'removeService', [], { from: P })
    expect(await settle({ secret: '0x99' })).toBe(`ServiceNotExist(${P})`)
    expect(await theirs('withdrawStake', [])).toMatch(/^StakeLocked/)
  })
})

describe('a fine-tuning service', () => {
  it('keeps its acknowledgement unless the signer changes', async () => {
    const update = (signer: string) =>
      theirs('addOrUpdateService', ['http://y', { ...QUOTA, gpuType: 'x' }, 8n, true, ['m', 'n'], signer])
    expect(await update(SIGNER)).toBe('success')
    const [service] = await client.read('tuning', 'getAllServices')
    expect(service).toMatchObject({
      url: 'http://y',
      occupied: true,
      models: ['m', 'n'],
      teeSignerAcknowledged: true,
      pricePerToken: 8n,
    })
    expect(await update(user(7))).toBe('success')
    expect((await client.read('tuning', 'getService', [P])).teeSignerAcknowledged).toBe(false)
  })

  it('reads accounts of at most 50 users at once', async () => {
    const [one, none] = await client.read('tuning', 'getBatchAccountsByUsers', [[ME, user(5)]], P)
    expect([one.balance, none.balance]).toEqual([og(200), 0n])
    const many = client.read('tuning', 'getBatchAccountsByUsers', [Array(51).fill(ME)], P)
    await expect(many).rejects.toThrow('BatchSizeTooLarge(51,50)')
    expect((await client.read('tuning', 'getAccountsByUser', [ME, 0n, 0n]))[1]).toBe(1n)
    expect((await client.read('tuning', 'getAccountsByProvider', [P, 0n, 0n]))[1]).toBe(1n)
  })

  it('takes over refunds as inference does: the latest first', async () => {
    await client.must('ledger', 'retrieveFund', [[P], SERVICE])
    expect(await account()).toMatchObject({ pendingRefund: og(200), validRefundsLength: 1n })
    await client.must('ledger', 'transferFund', [P, SERVICE, og(50)])
    expect(await account()).toMatchObject({ balance: og(200), pendingRefund: og(150) })
  })
})
