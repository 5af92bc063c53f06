import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createPublicClient, createTestClient, createWalletClient, type Hex, http, parseEther, toHex } from 'viem'
import { foundry } from 'viem/chains'
import { type RpcServer, startRpcServer } from './support/rpc-server.ts'
import { createTestChain, type TestChain } from './support/test-chain.ts'

// Real servers on a machine that may be busy.
jest.setTimeout(300_000)

const WHALE: Hex = '0x00000000000000000000000000000000000a11ce'
const COUNTER: Hex = '0x00000000000000000000000000000000000000c0'

describe.each(['anvil', 'hardhat'] as const)('development methods as %s names them', (mode) => {
  let chain: TestChain
  let server: RpcServer
  beforeAll(async () => {
    chain = await createTestChain()
    server = await startRpcServer(chain)
  })
  afterAll(async () => {
    await server.close()
    await chain.stop()
    expect(server.failures).toEqual([])
  })
  const clients = () => {
    const transport = http(server.url)
    return {
      dev: createTestClient({ chain: foundry, mode, transport }),
      reader: createPublicClient({ chain: foundry, transport, pollingInterval: 20, cacheTime: 0 }),
    }
  }

  test('balances, nonces, code and storage are set', async () => {
    const { dev, reader } = clients()
    await dev.setBalance({ address: WHALE, value: parseEther('7') })
    await dev.setNonce({ address: WHALE, nonce: 9 })
    await dev.setCode({ address: COUNTER, bytecode: '0x5f545f5260205ff3' })
    await dev.setStorageAt({ address: COUNTER, index: 0, value: toHex(42n, { size: 32 }) })
    expect(await reader.getBalance({ address: WHALE })).toBe(parseEther('7'))
    expect(await reader.getTransactionCount({ address: WHALE })).toBe(9)
    expect((await reader.call({ to: COUNTER })).data).toBe(toHex(42n, { size: 32 }))
  })

  test('an impersonated account sends without a key, and not after it was let go', async () => {
    const { dev, reader } = clients()
    await dev.setBalance({ address: WHALE, value: parseEther('7') })
    await dev.impersonateAccount({ address: WHALE })
    const wallet = createWalletClient({ chain: foundry, transport: http(server.url), account: WHALE })
    const hash = await wallet.sendTransaction({ to: COUNTER, value: 1n })
    const receipt = await reader.waitForTransactionReceipt({ hash })
    expect(receipt).toMatchObject({ status: 'success', from: WHALE })
    await dev.stopImpersonatingAccount({ address: WHALE })
    await expect(wallet.sendTransaction({ to: COUNTER, value: 1n })).rejects.toThrow('unknown account')
  })

  test('snapshots go back, time goes forward', async () => {
    const { dev, reader } = clients()
    const { number, timestamp } = await reader.getBlock()
    const snapshot = await dev.snapshot()
    await dev.mine({ blocks: 3 })
    expect(await reader.getBlockNumber()).toBe(number + 3n)
    await dev.revert({ id: snapshot })
    expect(await reader.getBlockNumber()).toBe(number)
    await dev.increaseTime({ seconds: 1_000 })
    await dev.mine({ blocks: 1 })
    expect((await reader.getBlock()).timestamp).toBeGreaterThanOrEqual(timestamp + 1_000n)
    const at = (await reader.getBlock()).timestamp + 5_000n
    await dev.setNextBlockTimestamp({ timestamp: at })
    await dev.mine({ blocks: 1 })
    expect((await reader.getBlock()).timestamp).toBe(at)
    await dev.mine({ blocks: 2, interval: 60 })
    expect((await reader.getBlock()).timestamp).toBeGreaterThanOrEqual(at + 60n)
  })

  test('without automine transactions wait in the pool until a block is asked for', async () => {
    const { dev, reader } = clients()
    await dev.setAutomine(false)
    const [account] = chain.accounts
    const wallet = createWalletClient({ chain: foundry, transport: http(server.url), account: account as Hex })
    const hash = await wallet.sendTransaction({ to: COUNTER, value: 0n })
    expect((await reader.getTransaction({ hash })).blockNumber).toBeNull()
    expect(await dev.getTxpoolStatus()).toEqual({ pending: 1, queued: 0 })
    const content = await dev.getTxpoolContent()
    expect(Object.keys(content.pending)).toEqual(['0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'])
    const pending = await reader.getBlock({ blockTag: 'pending', includeTransactions: true })
    expect(pending).toMatchObject({ hash: null, number: (await reader.getBlockNumber()) + 1n })
    expect(pending.transactions.map((transaction) => transaction.hash)).toEqual([hash])
    expect(await reader.getTransactionCount({ address: account as Hex, blockTag: 'pending' })).toBe(
      (await reader.getTransactionCount({ address: account as Hex })) + 1,
    )
    await dev.mine({ blocks: 1 })
    expect((await reader.getTransactionReceipt({ hash })).status).toBe('success')
    await dev.setAutomine(true)
  })
})
