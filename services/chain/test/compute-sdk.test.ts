import { createRequire } from 'node:module'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { addresses, developmentAccounts, inferenceServingAbi, signerPolicyAbi } from '@zerog/contracts'
import { encodeFunctionData, type Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { type RpcServer, startRpcServer } from './support/rpc-server.ts'
import { createTestChain, type TestChain } from './support/test-chain.ts'

// 0G's compute SDK, unmodified, against the contracts in the devnet's genesis: no addresses are passed, nothing is deployed. The SDK
// sleeps a second before each transaction. Real servers on a machine that may be busy.
jest.setTimeout(300_000)

// It leaves timers behind that nobody can clear; they must not keep the process. The server's socket keeps it while tests run.
const setTimer = globalThis.setTimeout
globalThis.setTimeout = ((run: () => void, ms?: number) => setTimer(run, ms).unref()) as typeof setTimeout

// It asks `signer instanceof Wallet` of its CommonJS ethers: an ESM wallet would silently have no fine-tuning.
const require = createRequire(import.meta.url)
const { ethers } = require('ethers') as typeof import('ethers')
const { createZGComputeNetworkBroker, createZGComputeNetworkReadOnlyBroker } =
  require('@0gfoundation/0g-compute-ts-sdk') as typeof import('@0gfoundation/0g-compute-ts-sdk')

const accounts = developmentAccounts()
const keyOf = (index: number): Hex => (accounts[index] as { privateKey: Hex }).privateKey
const addressOf = (index: number): Hex => (accounts[index] as { address: Hex }).address
const at = addresses({ chainId: 31_337n })
const SIGNER = privateKeyToAccount(`0x${'44'.repeat(32)}`)
const og = (amount: number): bigint => ethers.parseEther(String(amount))

describe('@0gfoundation/0g-compute-ts-sdk 0.9.0', () => {
  let chain: TestChain
  let server: RpcServer
  let provider: InstanceType<typeof ethers.JsonRpcProvider>
  let user: Awaited<ReturnType<typeof createZGComputeNetworkBroker>>
  beforeAll(async () => {
    for (const name of ['log', 'warn', 'error'] as const) jest.spyOn(console, name).mockImplementation(() => {})
    chain = await createTestChain({ chainOnly: false })
    server = await startRpcServer(chain)
    provider = new ethers.JsonRpcProvider(server.url, undefined, { cacheTimeout: -1, batchStallTime: 1 })
    provider.pollingInterval = 20
    user = await createZGComputeNetworkBroker(new ethers.Wallet(keyOf(1), provider) as never)
  })
  afterAll(async () => {
    provider.destroy()
    await server.close()
    await chain.stop()
    jest.restoreAllMocks()
    globalThis.setTimeout = setTimer
    expect(server.failures).toEqual([])
  })

  /** ethers gives tuples; this is the object of their names. */
  const named = (tuple: unknown): Record<string, unknown> => (tuple as InstanceType<typeof ethers.Result>).toObject()
  const send = async (account: number, to: string, data: Hex, value = 0n): Promise<void> => {
    const wallet = new ethers.Wallet(keyOf(account), provider)
    const receipt = await (await wallet.sendTransaction({ to, data, value })).wait()
    expect(receipt?.status).toBe(1)
  }

  test('a provider registers, and the policy acknowledges its signer without any owner', async () => {
    const params = {
      serviceType: 'chatbot',
      url: 'http://127.0.0.1:9',
      model: 'zerog/tiny',
      verifiability: 'OpML',
      inputPrice: 5n,
      outputPrice: 7n,
      additionalInfo: '{"zerog":{"stage":"preview"}}',
      teeSignerAddress: SIGNER.address,
    }
    const register = encodeFunctionData({ abi: inferenceServingAbi, functionName: 'addOrUpdateService', args: [params] })
    await send(8, at.inferenceServing, register, og(100))
    const evidence = await SIGNER.signTypedData({
      domain: { name: '0G Signer Policy', version: '1', chainId: 31_337, verifyingContract: at.signerPolicy },
      types: {
        SignerStatement: [
          { name: 'serving', type: 'address' },
          { name: 'provider', type: 'address' },
          { name: 'signer', type: 'address' },
        ],
      },
      primaryType: 'SignerStatement',
      message: { serving: at.inferenceServing, provider: addressOf(8), signer: SIGNER.address },
    })
    expect(signerPolicyAbi.some((item) => 'name' in item && item.name === 'statementDigest')).toBe(true)
    const args = [addressOf(8), evidence] as const
    const acknowledge = encodeFunctionData({ abi: inferenceServingAbi, functionName: 'acknowledgeTEESignerByPolicy', args })
    await send(9, at.inferenceServing, acknowledge)
  })

  test('the read-only broker finds the service by the addresses that it knows', async () => {
    const reader = await createZGComputeNetworkReadOnlyBroker(server.url, 31_337)
    const services = await reader.inference.listService()
    expect(services).toHaveLength(1)
    expect(named(services[0])).toMatchObject({
      model: 'zerog/tiny',
      inputPrice: 5n,
      outputPrice: 7n,
      teeSignerAcknowledged: true,
      teeSignerAddress: SIGNER.address,
    })
    expect(await user.inference.listService(0, 50)).toHaveLength(1)
  })

  test('ledger: opened, deposited, refused below the minimum', async () => {
    await expect(user.ledger.addLedger(2)).rejects.toThrow()
    await user.ledger.addLedger(10)
    await user.ledger.depositFund(2)
    const { ledgerInfo } = await user.ledger.ledger.getLedgerWithDetail()
    expect(ledgerInfo).toEqual([og(12), 0n, og(12)])
    expect(named(await user.ledger.getLedger())).toMatchObject({ totalBalance: og(12), availableBalance: og(12) })
  })

  test('sub-account: opened by a transfer, which acknowledges the signer; a second acknowledgement changes nothing', async () => {
    await user.ledger.transferFund(addressOf(8), 'inference', og(3))
    expect(named(await user.inference.getAccount(addressOf(8)))).toMatchObject({
      balance: og(3),
      pendingRefund: 0n,
      acknowledged: true,
      nonce: 0n,
    })
    await user.inference.acknowledgeProviderSigner(addressOf(8))
    expect(await user.ledger.getProvidersWithBalance('inference')).toEqual([[ethers.getAddress(addressOf(8)), og(3), 0n]])
    await expect(user.ledger.transferFund(addressOf(7), 'inference', og(0.5))).rejects.toThrow()
  })

  test('refunds: asked back they are pending, taken back by a transfer, and what is free is paid out', async () => {
    await user.ledger.retrieveFund('inference')
    const [account, refunds] = await user.inference.getAccountWithDetail(addressOf(8))
    expect(named(account)).toMatchObject({ balance: og(3), pendingRefund: og(3) })
    expect(refunds).toHaveLength(1)
    expect(refunds[0]?.amount).toBe(og(3))
    expect(refunds[0]?.remainTime).toBeGreaterThan(3_000n)
    await user.ledger.transferFund(addressOf(8), 'inference', og(1))
    expect(named(await user.inference.getAccount(addressOf(8)))).toMatchObject({ balance: og(3), pendingRefund: og(2) })
    await user.ledger.refund(4)
    expect(named(await user.ledger.getLedger())).toMatchObject({ totalBalance: og(8), availableBalance: og(5) })
  })

  test('tokens of API keys are revoked on chain', async () => {
    const reader = new ethers.Contract(at.inferenceServing, inferenceServingAbi as never, provider)
    await user.inference.revokeApiKey(addressOf(8), 3)
    expect(await reader.getFunction('isTokenRevoked')(addressOf(1), addressOf(8), 3)).toBe(true)
    await user.inference.revokeAllTokens(addressOf(8))
    expect(named(await user.inference.getAccount(addressOf(8)))).toMatchObject({ generation: 1n, revokedBitmap: 0n })
  })

  test('fine-tuning: services, lock time and a sub-account are read', async () => {
    const tuning = user.fineTuning
    if (tuning === undefined) throw new Error('the SDK has no fine-tuning: its ethers is not this one')
    expect(await tuning.listService()).toEqual([])
    expect(await tuning.getLockedTime()).toBe(3_600n)
    await user.ledger.transferFund(addressOf(8), 'fine-tuning', og(1))
    const { account } = await tuning.getAccountWithDetail(addressOf(8))
    expect(named(account)).toMatchObject({ balance: og(1), deliverables: [] })
  })

  test('a ledger of nothing is gone', async () => {
    const other = await createZGComputeNetworkBroker(new ethers.Wallet(keyOf(2), provider) as never)
    await other.ledger.addLedger(3)
    await other.ledger.refund(3)
    await expect(other.ledger.getLedger()).rejects.toThrow()
  })
})
