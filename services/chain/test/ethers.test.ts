import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { artifacts, developmentAccounts } from '@zerog/contracts'
import {
  Contract,
  ContractFactory,
  isError,
  JsonRpcProvider,
  NonceManager,
  parseEther,
  parseUnits,
  Wallet,
  WebSocketProvider,
} from 'ethers'
import { type RpcServer, startRpcServer } from './support/rpc-server.ts'
import { createTestChain, type TestChain } from './support/test-chain.ts'

// Real servers on a machine that may be busy.
jest.setTimeout(300_000)

const [alice, bob] = developmentAccounts() as [{ privateKey: string; address: string }, { privateKey: string; address: string }]
const { abi, bytecode } = artifacts.greeter

describe('ethers 6', () => {
  let chain: TestChain
  let server: RpcServer
  let provider: JsonRpcProvider
  beforeAll(async () => {
    chain = await createTestChain()
    server = await startRpcServer(chain)
    // ethers sends what is asked within a few milliseconds as one batch.
    provider = new JsonRpcProvider(server.url, undefined, {
      cacheTimeout: -1,
      batchStallTime: 5,
      polling: true,
      pollingInterval: 20,
    })
    provider.pollingInterval = 20
  })
  afterAll(async () => {
    provider.destroy()
    await server.close()
    await chain.stop()
    expect(server.failures).toEqual([])
  })
  const deploy = async (greeting: string) => {
    const factory = new ContractFactory(abi as never, bytecode, new Wallet(alice.privateKey, provider))
    const contract = await factory.deploy(greeting)
    await contract.waitForDeployment()
    return new Contract(await contract.getAddress(), abi as never, new Wallet(alice.privateKey, provider))
  }

  test('deploys by ContractFactory, calls, writes and queries events', async () => {
    const greeter = await deploy('Hello')
    expect(await greeter.getFunction('greet')('zerog')).toBe('Hello, zerog!')
    const receipt = await (await greeter.getFunction('setGreeting')('Ciao')).wait()
    expect(receipt.status).toBe(1)
    const events = await greeter.queryFilter('GreetingChanged', 0, 'latest')
    expect(events.map((event) => ('args' in event ? event.args[1] : undefined))).toEqual(['Hello', 'Ciao'])
  })

  test('a revert arrives as CALL_EXCEPTION with the custom error', async () => {
    const greeter = await deploy('Hello')
    const error = await greeter
      .getFunction('setGreeting')
      .staticCall('')
      .catch((thrown: unknown) => thrown)
    expect(isError(error, 'CALL_EXCEPTION')).toBe(true)
    expect((error as { revert: { name: string } }).revert.name).toBe('EmptyGreeting')
    const estimate = await greeter
      .getFunction('setGreeting')
      .estimateGas('')
      .catch((thrown: unknown) => thrown)
    expect(isError(estimate, 'CALL_EXCEPTION')).toBe(true)
  })

  test('a transaction that cannot be paid is INSUFFICIENT_FUNDS', async () => {
    const poor = new Wallet(`0x${'42'.repeat(32)}`, provider)
    const attempt = poor.sendTransaction({ to: bob.address, value: 1n, gasLimit: 21_000n })
    await expect(attempt).rejects.toMatchObject({ code: 'INSUFFICIENT_FUNDS' })
  })

  test('an old nonce is NONCE_EXPIRED, a cheap replacement REPLACEMENT_UNDERPRICED', async () => {
    const wallet = new Wallet(bob.privateKey, provider)
    await (await wallet.sendTransaction({ to: alice.address, value: 1n })).wait()
    const old = wallet.sendTransaction({ to: alice.address, value: 2n, nonce: 0, gasLimit: 21_000n })
    await expect(old).rejects.toMatchObject({ code: 'NONCE_EXPIRED' })
    const fees = { maxFeePerGas: parseUnits('3', 'gwei'), maxPriorityFeePerGas: parseUnits('1', 'gwei'), gasLimit: 21_000n }
    await wallet.sendTransaction({ to: alice.address, value: 1n, nonce: 5, ...fees })
    const cheap = wallet.sendTransaction({ to: alice.address, value: 2n, nonce: 5, ...fees })
    await expect(cheap).rejects.toMatchObject({ code: 'REPLACEMENT_UNDERPRICED' })
  })

  test('many requests in one batch, and many transactions in a row, all arrive', async () => {
    const balances = await Promise.all(Array.from({ length: 60 }, (_, index) => provider.getBalance(alice.address, index % 2)))
    expect(new Set(balances).size).toBeLessThanOrEqual(2)
    const signer = new NonceManager(new Wallet(alice.privateKey, provider))
    const sent = await Promise.all(
      Array.from({ length: 20 }, () => signer.sendTransaction({ to: bob.address, value: parseEther('0.1') })),
    )
    const receipts = await Promise.all(sent.map((transaction) => transaction.wait()))
    expect(receipts.every((receipt) => receipt?.status === 1)).toBe(true)
  })

  test('fee data is what the pool accepts', async () => {
    const { gasPrice, maxFeePerGas, maxPriorityFeePerGas } = await provider.getFeeData()
    expect(maxPriorityFeePerGas).toBeGreaterThanOrEqual(chain.minPriorityFee())
    expect(gasPrice).toBe(parseUnits('1', 'gwei') + (maxPriorityFeePerGas ?? 0n))
    expect(maxFeePerGas).toBeGreaterThanOrEqual(gasPrice ?? 0n)
  })

  test('the node signs for its development accounts', async () => {
    const signer = await provider.getSigner(1)
    expect(await signer.getAddress()).toBe((await provider.listAccounts())[1]?.address)
    const receipt = await (await signer.sendTransaction({ to: alice.address, value: 1n })).wait()
    expect(receipt?.status).toBe(1)
    expect(await signer.signMessage('hi')).toBe(await new Wallet(bob.privateKey).signMessage('hi'))
  })

  test('WebSocketProvider hears blocks, events and pending transactions', async () => {
    const socket = new WebSocketProvider(server.wsUrl)
    try {
      const greeter = await deploy('Hello')
      const heard: string[] = []
      await socket.on('block', (height: number) => heard.push(`block ${height}`))
      await socket.on('pending', (hash: string) => heard.push(`pending ${hash}`))
      await socket.on({ address: await greeter.getAddress() }, (log: { transactionHash: string }) =>
        heard.push(`log ${log.transactionHash}`),
      )
      const transaction = await greeter.getFunction('setGreeting')('Ciao')
      const receipt = await transaction.wait()
      const wanted = [`block ${receipt.blockNumber}`, `pending ${transaction.hash}`, `log ${transaction.hash}`]
      const deadlineMs = Date.now() + 20_000
      while (!wanted.every((one) => heard.includes(one)) && Date.now() < deadlineMs)
        await new Promise((resolve) => setTimeout(resolve, 10))
      expect(heard).toEqual(expect.arrayContaining(wanted))
    } finally {
      await socket.destroy()
    }
  })
})
