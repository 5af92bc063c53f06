import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, it } from '@jest/globals'
import type { Hex } from '@zerog/primitives'
import { type Abi, decodeFunctionResult, encodeFunctionData } from 'viem'
import { artifacts } from '../../src/index.ts'
import { mappingSlot, word } from '../../src/storage-slots.ts'
import { type Artifact, compile, readSources } from '../../tools/compile.ts'
import {
  ADMIN,
  AT,
  type ComputeClient,
  computeAllocation,
  createComputeClient,
  eventsOf,
  og,
  openForBusiness,
  provider,
  reasonOf,
  serviceParams,
  signedClaim,
  user,
} from '../support/compute-client.ts'

const ME = user(0)
const P = provider(0)
const INFERENCE = 'inference-v1.0'
const ZERO = `0x${'00'.repeat(20)}`
let client: ComputeClient
beforeEach(async () => {
  client = await createComputeClient()
})
const attempt = (name: string, args: readonly unknown[] = [], value = 0n, from: Hex = ME): Promise<string> =>
  client.try('ledger', name, args, { from, value })
const ledger = (of: Hex = ME) => client.read('ledger', 'getLedger', [of])

describe('a ledger', () => {
  it('is opened once, with the minimum, by its user or by anyone for him', async () => {
    expect(await attempt('addLedger', [''], og(3) - 1n)).toBe(`MinimumDepositRequired(${og(3) - 1n},${og(3)})`)
    expect(await attempt('addLedger', ['x'.repeat(4_097)], og(3))).toBe('AdditionalInfoTooLong(4097,4096)')
    expect(await attempt('addLedger', ['info'], og(3))).toBe('success')
    expect(await attempt('addLedger', [''], og(3))).toBe(`LedgerExists(${ME})`)
    expect(await ledger()).toMatchObject({ availableBalance: og(3), totalBalance: og(3), additionalInfo: 'info' })
    expect(await attempt('depositFundFor', [user(1)], og(2))).toBe(`MinimumDepositRequired(${og(2)},${og(3)})`)
    expect(await attempt('depositFundFor', [user(1)], og(4))).toBe('success')
    expect(await attempt('depositFundFor', [ZERO], 1n)).toBe('ZeroAddressNotAllowed()')
    expect(await attempt('depositFundFor', [user(1)])).toBe('ZeroAmountNotAllowed()')
    expect(await attempt('depositFund')).toBe('ZeroAmountNotAllowed()')
    expect(await attempt('depositFund', [], og(1), user(2))).toBe(`MinimumDepositRequired(${og(1)},${og(3)})`)
    expect(await attempt('depositFund', [], 1n)).toBe('success')
    const [all, total] = await client.read('ledger', 'getAllLedgers', [0n, 0n])
    expect(all.map(({ availableBalance }: { availableBalance: bigint }) => availableBalance)).toEqual([og(3) + 1n, og(4)])
    expect(total).toBe(2n)
    expect((await client.read('ledger', 'getAllLedgers', [1n, 1n]))[0]).toHaveLength(1)
    expect((await client.read('ledger', 'getAllLedgers', [2n, 1n]))[0]).toHaveLength(0)
  })

  it('that does not exist is refused by name everywhere', async () => {
    const missing = `LedgerNotExists(${ME})`
    expect(await attempt('refund', [1n])).toBe(missing)
    expect(await attempt('deleteLedger')).toBe(missing)
    expect(await attempt('updateAdditionalInfo', [''])).toBe(missing)
    expect(await attempt('transferFund', [P, INFERENCE, og(1)])).toBe(missing)
    expect(await attempt('retrieveFund', [[P], INFERENCE])).toBe(missing)
    await expect(ledger()).rejects.toThrow(missing)
  })

  it('pays out what is available, but leaves the minimum or nothing, and is then gone', async () => {
    await client.must('ledger', 'addLedger', [''], { value: og(10) })
    expect(await attempt('refund', [og(11)])).toBe(`InsufficientBalance(${ME})`)
    expect(await attempt('refund', [og(8)])).toBe(`MinimumDepositRequired(${og(2)},${og(3)})`)
    expect(await attempt('refund', [og(7)])).toBe('success')
    expect(await attempt('deleteLedger')).toBe(`MustWithdrawAllFundsFirst(${og(3)})`)
    await client.must('ledger', 'updateAdditionalInfo', ['x'])
    expect(await attempt('updateAdditionalInfo', ['x'.repeat(4_097)])).toBe('AdditionalInfoTooLong(4097,4096)')
    expect(await attempt('refund', [og(3)])).toBe('success')
    expect(await client.chain.balance(AT.ledgerManager)).toBe(0n)
    await expect(ledger()).rejects.toThrow('LedgerNotExists')
  })

  it('of which everything was spent can be deleted, with its sub-accounts', async () => {
    await openForBusiness(client, { balance: og(3) })
    await client.must('ledger', 'refund', [og(5)])
    await client.must('inference', 'settleFeesWithTEE', [[await signedClaim({ totalFee: og(3) })]], { from: P })
    expect(await ledger()).toMatchObject({ availableBalance: 0n, totalBalance: 0n })
    expect(eventsOf(await client.must('ledger', 'deleteLedger'))).toEqual([`AccountDeleted(${ME},${P},0)`])
    expect(await client.read('ledger', 'getLedgerProviders', [ME, INFERENCE])).toEqual([])
    expect((await client.read('inference', 'getAllAccounts', [0n, 0n]))[1]).toBe(0n)
  })

  it('takes no plain transfers, and neither do the services', async () => {
    for (const to of [AT.ledgerManager, AT.inferenceServing, AT.fineTuningServing]) {
      expect(reasonOf(await client.chain.send({ from: ME, to, value: 1n }))).toBe('DirectDepositsDisabled()')
    }
  })
})

describe('a transfer', () => {
  it('opens a sub-account with one token or more, and adds to it with any amount', async () => {
    await client.must('ledger', 'addLedger', ['hello'], { value: og(5) })
    expect(await attempt('transferFund', [P, 'inference-v2.0', og(1)])).toBe(`ServiceNotFound(${ZERO})`)
    expect(await attempt('transferFund', [P, INFERENCE, og(1) - 1n])).toBe(`MinimumDepositRequired(${og(1) - 1n},${og(1)})`)
    expect(await attempt('transferFund', [P, INFERENCE, og(6)])).toBe(`InsufficientAvailableBalance(${og(5)},${og(6)})`)
    expect(await attempt('transferFund', [ME, INFERENCE, og(1)])).toBe('CallFailed()')
    expect(await attempt('transferFund', [ZERO, INFERENCE, og(1)])).toBe('CallFailed()')
    expect(await attempt('transferFund', [P, INFERENCE, og(2)])).toBe('success')
    expect(await attempt('transferFund', [P, INFERENCE, 1n])).toBe('success')
    expect(await client.read('inference', 'getAccount', [ME, P])).toMatchObject({
      balance: og(2) + 1n,
      additionalInfo: 'hello',
      acknowledged: true,
    })
    expect(await ledger()).toMatchObject({ availableBalance: og(3) - 1n, totalBalance: og(5) })
    const acknowledge = client.try('inference', 'acknowledgeTEESigner', [P, false])
    expect(await acknowledge).toBe(`CannotRevokeWithNonZeroBalance(${ME},${P},${og(2) + 1n})`)
  })

  it('goes to at most 50 providers per service', async () => {
    const providersOf = mappingSlot(
      mappingSlot(artifacts.ledgerManager.storage.providersOf.slot, BigInt(ME)),
      BigInt(AT.inferenceServing),
    )
    const full = await createComputeClient(computeAllocation({ [AT.ledgerManager]: { [word(providersOf)]: word(50n) } }))
    await full.must('ledger', 'addLedger', [''], { value: og(5) })
    expect(await full.try('ledger', 'transferFund', [P, INFERENCE, og(1)])).toBe('TooManyProvidersForService(50,50)')
  })

  it('is taken back from at most 20 providers at once; five requests may wait', async () => {
    await client.must('ledger', 'addLedger', [''], { value: og(20) })
    expect(await attempt('retrieveFund', [Array(21).fill(P), INFERENCE])).toBe('TooManyProviders(21,20)')
    expect(await attempt('retrieveFund', [[P], 'x'])).toBe(`ServiceNotFound(${ZERO})`)
    await client.must('ledger', 'transferFund', [P, INFERENCE, og(10)])
    for (const amount of [8, 6, 4, 2, 1]) {
      await client.must('ledger', 'retrieveFund', [[P, provider(1)], INFERENCE])
      await client.must('ledger', 'transferFund', [P, INFERENCE, og(amount)])
    }
    const { refunds } = await client.read('inference', 'getAccount', [ME, P])
    expect(refunds).toHaveLength(5)
    expect(await attempt('retrieveFund', [[P], INFERENCE])).toBe(`TooManyRefunds(${ME},${P})`)
  })
})

describe('services of the ledger', () => {
  const registering = (args: readonly unknown[]): Promise<string> => attempt('registerService', args, 0n, ADMIN)
  it('are registered once, by the owner, and only what is a service', async () => {
    expect(await registering(['a', 'b', ZERO, ''])).toBe(`InvalidServiceAddress(${ZERO})`)
    expect(await registering(['', 'b', P, ''])).toBe('ServiceTypeRequired()')
    expect(await registering(['a', '', P, ''])).toBe('VersionRequired()')
    expect(await registering(['a', 'b', AT.inferenceServing, ''])).toBe(`ServiceAlreadyRegistered(${AT.inferenceServing})`)
    expect(await registering(['inference', 'v1.0', P, ''])).toBe(`ServiceNameExists(${INFERENCE})`)
    expect(await registering(['a', 'b', P, ''])).toBe(`ServiceMustImplementIServing(${P})`)
    expect(await registering(['a', 'b', AT.modelRegistry, ''])).toBe(`ServiceMustImplementIServing(${AT.modelRegistry})`)
    const slot = word(BigInt(artifacts.ledgerManager.storage['serviceKeys.keys'].slot))
    const full = await createComputeClient(computeAllocation({ [AT.ledgerManager]: { [slot]: word(500n) } }))
    const second = await full.chain.deploy(artifacts.inferenceServing.bytecode, ADMIN)
    expect(await full.try('ledger', 'registerService', ['a', 'b', second, ''], { from: ADMIN })).toBe(
      'ServiceRegistryLimitReached(500)',
    )
  })

  it('have versions, of which one is recommended', async () => {
    const second = await client.chain.deploy(artifacts.inferenceServing.bytecode, ADMIN)
    expect(await registering(['inference', 'v2.0', second, 'next'])).toBe('success')
    const versions = async () => (await client.read('ledger', 'getAllVersions', ['inference'])) as [string[], Hex[], boolean[]]
    expect((await versions())[0]).toEqual(['v1.0', 'v2.0'])
    expect((await versions())[2]).toEqual([true, false])
    await client.must('ledger', 'setRecommendedService', ['inference', 'v2.0'], { from: ADMIN })
    expect((await versions())[2]).toEqual([false, true])
    expect((await client.read('ledger', 'getRecommendedService', ['inference']))[0]).toBe('v2.0')
    expect(await client.read('ledger', 'isRecommendedVersion', ['inference', 'v1.0'])).toBe(false)
    expect(await attempt('setRecommendedService', ['inference', 'v3'], 0n, ADMIN)).toBe(`ServiceNotFound(${ZERO})`)
    await expect(client.read('ledger', 'getRecommendedService', ['x'])).rejects.toThrow('NoRecommendedService(x)')
    expect(await client.read('ledger', 'getAllActiveServices')).toHaveLength(3)
    expect((await client.read('ledger', 'getServiceInfo', [AT.inferenceServing])).fullName).toBe(INFERENCE)
    expect((await client.read('ledger', 'getServiceInfo', [P])).fullName).toBe('')
  })

  it('alone may spend, and only what is locked; the ledger alone may touch sub-accounts', async () => {
    expect(await attempt('spendFund', [ME, 1n])).toBe(`CallerNotRegisteredService(${ME})`)
    for (const [name, args] of [
      ['addAccount', [ME, P, '']],
      ['depositFund', [ME, P, 0n]],
      ['requestRefundAll', [ME, P]],
      ['processRefund', [ME, P]],
      ['deleteAccount', [ME, P]],
    ] as const) {
      expect(await client.try('inference', name, args)).toBe(`CallerNotLedger(${ME})`)
      expect(await client.try('tuning', name, args)).toBe('CallerNotLedger()')
    }
  })
})

describe('lists', () => {
  it('have pages of at most 50, and a provider reads many users at once', async () => {
    await openForBusiness(client, { users: 3 })
    for (const name of ['getAllAccounts', 'getAllServices'] as const) {
      await expect(client.read('inference', name, [0n, 51n])).rejects.toThrow('LimitTooLarge(51,50)')
    }
    await expect(client.read('tuning', 'getAllAccounts', [0n, 51n])).rejects.toThrow('LimitTooLarge(51)')
    const [page, total] = await client.read('inference', 'getAccountsByProvider', [P, 1n, 1n])
    expect([page.map((account: { user: string }) => account.user.toLowerCase()), total]).toEqual([[user(1)], 3n])
    expect((await client.read('inference', 'getAccountsByUser', [ME, 0n, 0n]))[1]).toBe(1n)
    const batch = await client.read('inference', 'getBatchAccountsByUsers', [[user(2), user(9)]], P)
    expect(batch.map((account: { balance: bigint }) => account.balance)).toEqual([og(10), 0n])
    const tooMany = client.read('inference', 'getBatchAccountsByUsers', [Array(501).fill(ME)], P)
    await expect(tooMany).rejects.toThrow('BatchSizeTooLarge(501,500)')
    await expect(client.read('inference', 'getService', [provider(2)])).rejects.toThrow(`ServiceNotExist(${provider(2)})`)
    await expect(client.read('inference', 'getAccount', [ME, provider(2)])).rejects.toThrow('AccountNotExists')
  })

  it('tokens are revoked one by one, together or all, for good', async () => {
    await openForBusiness(client, { balance: og(1) })
    const revoked = (id: number) => client.read('inference', 'isTokenRevoked', [ME, P, id])
    expect(eventsOf(await client.must('inference', 'revokeToken', [P, 255]))).toEqual([`TokenRevoked(${ME},${P},255)`])
    await client.must('inference', 'revokeTokens', [P, [0, 7]])
    expect([await revoked(0), await revoked(1), await revoked(7), await revoked(255)]).toEqual([true, false, true, true])
    expect(eventsOf(await client.must('inference', 'revokeAllTokens', [P]))).toEqual([`AllTokensRevoked(${ME},${P},1)`])
    expect(await revoked(7)).toBe(false)
    await client.must('inference', 'settleFeesWithTEE', [[await signedClaim({ totalFee: og(1) })]], { from: P })
    await client.must('ledger', 'refund', [og(5)])
    await client.must('ledger', 'addLedger', [''], { value: og(5) })
    await client.must('ledger', 'transferFund', [P, INFERENCE, og(1)])
    expect((await client.read('inference', 'getAccount', [ME, P])).generation).toBe(1n)
    expect(await client.try('inference', 'revokeToken', [provider(1), 1])).toBe(`AccountNotExists(${ME},${provider(1)})`)
  })
})

describe('users and providers that are contracts', () => {
  const { abi, bytecode } = compile(readSources(fileURLToPath(new URL('../solidity', import.meta.url)))).Actor as Artifact
  const actorAbi = abi as Abi
  const act = async (actor: Hex, to: Hex, data: Hex, value = 0n) =>
    client.chain.send({
      from: ME,
      to: actor,
      value,
      data: encodeFunctionData({ abi: actorAbi, functionName: 'act', args: [to, data] }),
    })

  it('cannot enter a ledger while it pays', async () => {
    const actor = await client.chain.deploy(bytecode as Hex, ME)
    const deposit = client.encode('ledger', 'depositFund', [])
    expect((await act(actor, AT.ledgerManager, deposit, og(10))).success).toBe(true)
    const again = client.encode('ledger', 'refund', [og(1)])
    const arm = encodeFunctionData({ abi: actorAbi, functionName: 'arm', args: [AT.ledgerManager, again] })
    await client.chain.send({ from: ME, to: actor, data: arm })
    expect((await act(actor, AT.ledgerManager, client.encode('ledger', 'refund', [og(2)]))).success).toBe(true)
    const { output } = await client.chain.dryRun({
      to: actor,
      data: encodeFunctionData({ abi: actorAbi, functionName: 'answer' }),
    })
    const answer = decodeFunctionResult({ abi: actorAbi, functionName: 'answer', data: output }) as Hex
    expect(reasonOf({ success: false, output: answer, gasUsed: 0n, logs: [], createdAddress: undefined })).toBe('LedgerLocked()')
    expect(await ledger(actor)).toMatchObject({ totalBalance: og(8) })
  })

  it('that take no money keep what they asked for where it was', async () => {
    const actor = await client.chain.deploy(bytecode as Hex, ME)
    const refuse = encodeFunctionData({ abi: actorAbi, functionName: 'reject', args: [true] })
    await client.chain.send({ from: ME, to: actor, data: refuse })
    await act(actor, AT.ledgerManager, client.encode('ledger', 'depositFund', []), og(10))
    expect(reasonOf(await act(actor, AT.ledgerManager, client.encode('ledger', 'refund', [og(2)])))).toBe('TransferFailed()')
    await act(actor, AT.inferenceServing, client.encode('inference', 'addOrUpdateService', [serviceParams()]), og(100))
    await client.must('inference', 'acknowledgeTEESignerByOwner', [actor], { from: ADMIN })
    await client.must('ledger', 'addLedger', [''], { value: og(5) })
    await client.must('ledger', 'transferFund', [actor, INFERENCE, og(2)])
    const settle = client.encode('inference', 'settleFeesWithTEE', [[await signedClaim({ provider: actor })]])
    expect(reasonOf(await act(actor, AT.inferenceServing, settle))).toBe('TransferFailed()')
    expect(await client.read('inference', 'getAccount', [ME, actor])).toMatchObject({ balance: og(2), nonce: 0n })
    await act(actor, AT.inferenceServing, client.encode('inference', 'removeService', []))
    client.chain.timestampSeconds += 7n * 86_400n
    const withdraw = client.encode('inference', 'withdrawStake', [])
    expect(reasonOf(await act(actor, AT.inferenceServing, withdraw))).toBe('TransferFailed()')
    expect((await client.read('inference', 'stakeOf', [actor]))[1]).toBe(og(100))
  })
})
