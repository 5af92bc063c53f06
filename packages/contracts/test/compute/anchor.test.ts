import { describe, expect, it } from '@jest/globals'
import {
  anchorSlots,
  EVIDENCE_SLOTS,
  modelSlots,
  readAnchor,
  readModel,
  readSettlement,
  readSigner,
  settlementDomain,
  settlementSlots,
  signerSlot,
  signSettlement,
  signSignerStatement,
} from '@zerog/evidence'
import { fromHex, type Hex } from '@zerog/primitives'
import { encodePacked, keccak256, pad, toHex } from 'viem'
import { artifacts } from '../../src/index.ts'
import { mappingSlot } from '../../src/storage-slots.ts'
import {
  AT,
  type ComputeClient,
  computeAllocation,
  createComputeClient,
  EVM_CHAIN_ID,
  eventsOf,
  hash,
  og,
  openForBusiness,
  provider,
  SIGNER,
  SIGNER_KEY,
  serviceParams,
  user,
} from '../support/compute-client.ts'

const P = provider(0)
const ROOT = hash('data')
const EPOCH = 3n
const QUORUM = (7n << 32n) | 2n

/** A chain whose DA entrance shows one verified bundle, as a certificate leaves it. */
async function chainWithBlob(): Promise<ComputeClient> {
  const key = keccak256(encodePacked(['bytes32', 'uint256', 'uint256'], [ROOT, EPOCH, 2n]))
  const slot = toHex(mappingSlot(artifacts.daEntrance.storage.records.slot, BigInt(key)), { size: 32 })
  return createComputeClient(computeAllocation({ [AT.daEntrance]: { [slot]: pad('0x01', { size: 32 }) } }))
}
const storage = (client: ComputeClient, at: Hex, slots: readonly Hex[]): Promise<Hex[]> =>
  Promise.all(slots.map((slot) => client.chain.storage(at, slot)))

describe('an anchor', () => {
  it('is made once, for a blob that the entrance shows verified, and read from its slots', async () => {
    const client = await chainWithBlob()
    const batch = hash('batch')
    const args = [batch, ROOT, EPOCH, QUORUM, 77n]
    const outcome = await client.must('anchor', 'anchor', args, { from: P })
    expect(eventsOf(outcome)).toEqual([`ReceiptsAnchored(${P},${batch},${ROOT},${EPOCH},${QUORUM},77)`])
    const anchor = { dataRoot: ROOT, sum: 77n, epoch: EPOCH, quorumId: QUORUM }
    expect(await client.read('anchor', 'anchorOf', [P, batch])).toEqual(anchor)
    expect(readAnchor((await storage(client, AT.receiptAnchor, anchorSlots(P, batch))) as [Hex, Hex])).toEqual(anchor)
    expect(await client.try('anchor', 'anchor', args, { from: P })).toBe(`AlreadyAnchored(${P},${batch})`)
    expect(await client.try('anchor', 'anchor', args, { from: provider(1) })).toBe('success')
  })

  it('may have no sum: what costs nothing is anchored and not settled', async () => {
    const client = await chainWithBlob()
    expect(await client.try('anchor', 'anchor', [hash('free'), ROOT, EPOCH, QUORUM, 0n], { from: P })).toBe('success')
  })

  it('is refused for another root, epoch or committee, and for a root of zero', async () => {
    const client = await chainWithBlob()
    const batch = hash('batch')
    for (const [root, epoch, quorum] of [
      [hash('other'), EPOCH, QUORUM],
      [ROOT, EPOCH + 1n, QUORUM],
      [ROOT, EPOCH, QUORUM + 1n],
    ] as const) {
      const refused = `DataNotAvailable(${root},${epoch},${quorum})`
      expect(await client.try('anchor', 'anchor', [batch, root, epoch, quorum, 1n], { from: P })).toBe(refused)
    }
    expect(await client.try('anchor', 'anchor', [batch, `0x${'00'.repeat(32)}`, EPOCH, QUORUM, 1n], { from: P })).toBe(
      'ZeroRoot()',
    )
    expect(await client.try('anchor', 'anchor', [`0x${'00'.repeat(32)}`, ROOT, EPOCH, QUORUM, 1n], { from: P })).toBe(
      'ZeroRoot()',
    )
  })
})

describe('the slots that evidence proves', () => {
  it('are where the compiler puts them', () => {
    expect(EVIDENCE_SLOTS).toEqual({
      inferenceSigners: artifacts.inferenceServing.storage.signers.slot,
      fineTuningSigners: artifacts.fineTuningServing.storage.signers.slot,
      inferenceSettlements: artifacts.inferenceServing.storage.settlements.slot,
      anchors: artifacts.receiptAnchor.storage.anchors.slot,
      models: artifacts.modelRegistry.storage.models.slot,
    })
  })

  it('hold signer and last settlement, signed and acknowledged by our own package', async () => {
    const client = await createComputeClient()
    await openForBusiness(client, { balance: og(3) })
    await client.must('inference', 'addOrUpdateService', [serviceParams({ model: 'n' })], { from: P })
    const read = async () => readSigner(await client.chain.storage(AT.inferenceServing, signerSlot(P)))
    expect(await read()).toEqual({ signer: SIGNER, acknowledged: false, registered: true })
    const privateKey = fromHex(SIGNER_KEY)
    const chainId = BigInt(EVM_CHAIN_ID)
    const statement = { serving: AT.inferenceServing, provider: P, signer: SIGNER }
    const evidence = signSignerStatement(statement, { chainId, signerPolicy: AT.signerPolicy, privateKey })
    await client.must('inference', 'acknowledgeTEESignerByPolicy', [P, evidence])
    expect(await read()).toEqual({ signer: SIGNER, acknowledged: true, registered: true })

    const settlement = { requestsHash: hash('r'), nonce: 2n ** 70n, provider: P, user: user(0), totalFee: og(4) }
    const domain = settlementDomain({ chainId, inferenceServing: AT.inferenceServing })
    const item = { ...settlement, signature: signSettlement(settlement, { domain, privateKey }) }
    await client.must('inference', 'settleFeesWithTEE', [[item]], { from: P })
    const slots = (await storage(client, AT.inferenceServing, settlementSlots(user(0), P))) as [Hex, Hex, Hex]
    expect(readSettlement(slots)).toEqual({ requestsHash: hash('r'), nonce: 2n ** 70n, claimed: og(4), paid: og(3) })
    const huge = { ...settlement, nonce: settlement.nonce + 1n, totalFee: 2n ** 200n }
    const claim = { ...huge, signature: signSettlement(huge, { domain, privateKey }) }
    await client.must('inference', 'settleFeesWithTEE', [[claim]], { from: P })
    expect(await client.read('inference', 'settlementOf', [user(0), P])).toMatchObject({ claimed: 2n ** 128n - 1n, paid: 0n })
  })

  it('hold the entry of a model', async () => {
    const client = await createComputeClient()
    const licence = pad(toHex('Apache-2.0'), { size: 32, dir: 'right' })
    const args = [ROOT, 3, licence, 5n, hash('lineage')]
    expect(eventsOf(await client.must('models', 'register', args))).toEqual([
      `ModelRegistered(${ROOT},${user(0)},3,${licence},${hash('lineage')})`,
      `ModelTermsSet(${ROOT},${licence},5)`,
    ])
    const entry = async () => readModel((await storage(client, AT.modelRegistry, modelSlots(ROOT))) as [Hex, Hex, Hex, Hex])
    const model = {
      owner: user(0),
      registeredAt: client.chain.timestampSeconds,
      mode: 3,
      licence,
      pricePerMillionTokens: 5n,
      lineage: hash('lineage'),
    }
    expect(await entry()).toEqual(model)
    const other = user(1)
    expect(await client.try('models', 'register', args, { from: other })).toBe(`ModelExists(${ROOT},${user(0)})`)
    expect(await client.try('models', 'register', [hash('m'), 5, licence, 0n, ROOT])).toBe('UnknownMode(5)')
    expect(await client.try('models', 'register', [`0x${'00'.repeat(32)}`, 0, licence, 0n, ROOT])).toBe('ZeroRoot()')
    expect(await client.try('models', 'setTerms', [ROOT, licence, 6n], { from: other })).toBe(`NotModelOwner(${ROOT},${other})`)
    expect(await client.try('models', 'transfer', [ROOT, other], { from: other })).toBe(`NotModelOwner(${ROOT},${other})`)
    await client.must('models', 'transfer', [ROOT, other])
    expect(await client.try('models', 'acceptTransfer', [ROOT])).toBe(`NotModelOwner(${ROOT},${user(0)})`)
    await client.must('models', 'acceptTransfer', [ROOT], { from: other })
    await client.must('models', 'setTerms', [ROOT, licence, 6n], { from: other })
    expect(await entry()).toEqual({ ...model, owner: other, pricePerMillionTokens: 6n })
  })
})

describe('genesis', () => {
  it('holds what initialization and registration by transactions leave behind', async () => {
    const born = computeAllocation()
    const ADMIN: Hex = '0x00000000000000000000000000000000000000ad'
    const names = ['ledgerManager', 'inferenceServing', 'fineTuningServing', 'signerPolicy'] as const
    const empty = Object.fromEntries(names.map((name) => [AT[name], { ...born[AT[name]], storage: {} }]))
    const client = await createComputeClient({ ...born, ...(empty as typeof born) })
    const genesis = await createComputeClient(born)
    client.chain.timestampSeconds = 0n
    const from = { from: ADMIN }
    await client.must('ledger', 'initialize', [ADMIN], from)
    await client.must('policy', 'initialize', [ADMIN], from)
    await client.must('inference', 'initialize', [86_400n, AT.ledgerManager, ADMIN], from)
    await client.must('tuning', 'initialize', [86_400n, AT.ledgerManager, ADMIN, 30n], from)
    for (const [name, at, type] of [
      ['inference', AT.inferenceServing, 'inference'],
      ['tuning', AT.fineTuningServing, 'fine-tuning'],
    ] as const) {
      await client.must(name, 'setSignerPolicy', [AT.signerPolicy], from)
      await client.must('ledger', 'registerService', [type, 'v1.0', at, `${type} serving service v1.0`], from)
      await client.must('ledger', 'setRecommendedService', [type, 'v1.0'], from)
    }
    for (const name of names) {
      expect([name, await client.chain.storageRoot(AT[name])]).toEqual([name, await genesis.chain.storageRoot(AT[name])])
    }
  })
})
