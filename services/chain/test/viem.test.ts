import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { artifacts, demoTokenAbi, developmentAccounts, greeterAbi } from '@zerog/contracts'
import {
  BaseError,
  ContractFunctionRevertedError,
  createPublicClient,
  createWalletClient,
  encodeFunctionData,
  type Hex,
  http,
  parseEther,
  parseGwei,
  toHex,
  webSocket,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { foundry } from 'viem/chains'
import { type RpcServer, startRpcServer } from './support/rpc-server.ts'
import { createTestChain, type TestChain } from './support/test-chain.ts'
import { verifyProof } from './support/verify-proof.ts'

// Real servers on a machine that may be busy.
jest.setTimeout(300_000)

const [alice, bob, carol] = developmentAccounts().map(({ privateKey }) => privateKeyToAccount(privateKey)) as [
  ReturnType<typeof privateKeyToAccount>,
  ReturnType<typeof privateKeyToAccount>,
  ReturnType<typeof privateKeyToAccount>,
]

describe('viem', () => {
  let chain: TestChain
  let server: RpcServer
  const clients = () => ({
    reader: createPublicClient({ chain: foundry, transport: http(server.url), pollingInterval: 20, cacheTime: 0 }),
    wallet: createWalletClient({ chain: foundry, transport: http(server.url), account: alice }),
  })
  // Without reconnecting: the test would not end.
  const socket = () => webSocket(server.wsUrl, { reconnect: false, keepAlive: false })
  beforeAll(async () => {
    chain = await createTestChain()
    server = await startRpcServer(chain)
  })
  afterAll(async () => {
    await server.close()
    await chain.stop()
    expect(server.failures).toEqual([])
  })

  const deployGreeter = async (): Promise<Hex> => {
    const { reader, wallet } = clients()
    const hash = await wallet.deployContract({ abi: greeterAbi, bytecode: artifacts.greeter.bytecode, args: ['Hello'] })
    const { contractAddress, status } = await reader.waitForTransactionReceipt({ hash })
    expect(status).toBe('success')
    return contractAddress as Hex
  }

  test('deploys a contract, calls it, writes to it and reads its event', async () => {
    const { reader, wallet } = clients()
    const address = await deployGreeter()
    expect(await reader.readContract({ address, abi: greeterAbi, functionName: 'greet', args: ['zerog'] })).toBe('Hello, zerog!')
    const { request } = await reader.simulateContract({
      account: alice,
      address,
      abi: greeterAbi,
      functionName: 'setGreeting',
      args: ['Ciao'],
    })
    const receipt = await reader.waitForTransactionReceipt({ hash: await wallet.writeContract(request) })
    expect(receipt.logs).toHaveLength(1)
    const events = await reader.getContractEvents({ address, abi: greeterAbi, fromBlock: 0n, eventName: 'GreetingChanged' })
    expect(events.map(({ args }) => args.greeting)).toEqual(['Hello', 'Ciao'])
    expect(events[1]).toMatchObject({ blockHash: receipt.blockHash, logIndex: 0, transactionHash: receipt.transactionHash })
    const mine = await reader.getContractEvents({ address, abi: greeterAbi, fromBlock: 0n, args: { by: bob.address } })
    expect(mine).toEqual([])
  })

  test('a revert arrives decoded, from a call and from a gas estimate', async () => {
    const { reader } = clients()
    const address = await deployGreeter()
    const attempt = { account: alice, address, abi: greeterAbi, functionName: 'setGreeting', args: [''] } as const
    for (const fail of [() => reader.simulateContract(attempt), () => reader.estimateContractGas(attempt)]) {
      const error = await (fail() as Promise<unknown>).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      expect(error).toBeInstanceOf(BaseError)
      const revert = (error as BaseError).walk((cause) => cause instanceof ContractFunctionRevertedError)
      expect((revert as ContractFunctionRevertedError).data?.errorName).toBe('EmptyGreeting')
    }
  })

  test('a transaction that reverts in its block has status 0 and costs its gas', async () => {
    const { reader, wallet } = clients()
    const address = await deployGreeter()
    const data = encodeFunctionData({ abi: greeterAbi, functionName: 'setGreeting', args: [''] })
    const hash = await wallet.sendTransaction({ to: address, data, gas: 100_000n })
    const receipt = await reader.waitForTransactionReceipt({ hash })
    expect(receipt.status).toBe('reverted')
    expect(receipt.gasUsed).toBeGreaterThan(21_000n)
    expect(receipt.gasUsed).toBeLessThan(100_000n)
  })

  describe('transactions of every type', () => {
    test('type 0', async () => {
      const { reader, wallet } = clients()
      const hash = await wallet.sendTransaction({ type: 'legacy', to: bob.address, value: 1n, gasPrice: parseGwei('2') })
      const receipt = await reader.waitForTransactionReceipt({ hash })
      expect(receipt).toMatchObject({ type: 'legacy', effectiveGasPrice: parseGwei('2'), gasUsed: 21_000n })
      expect(await reader.getTransaction({ hash })).toMatchObject({ type: 'legacy', gasPrice: parseGwei('2'), chainId: 31_337 })
    })
    test('type 1', async () => {
      const { reader, wallet } = clients()
      const accessList = [{ address: bob.address, storageKeys: [`0x${'00'.repeat(32)}` as Hex] }]
      const hash = await wallet.sendTransaction({ type: 'eip2930', to: bob.address, gasPrice: parseGwei('2'), accessList })
      const receipt = await reader.waitForTransactionReceipt({ hash })
      expect(receipt).toMatchObject({ type: 'eip2930', gasUsed: 21_000n + 2_400n + 1_900n })
      const { accessList: shown } = await reader.getTransaction({ hash })
      expect(shown).toEqual([{ address: bob.address.toLowerCase(), storageKeys: [`0x${'00'.repeat(32)}`] }])
    })
    test('type 2, with the fees that the node proposes', async () => {
      const { reader, wallet } = clients()
      const fees = await reader.estimateFeesPerGas()
      expect(fees.maxPriorityFeePerGas).toBeGreaterThanOrEqual(chain.minPriorityFee())
      const hash = await wallet.sendTransaction({ to: bob.address, value: parseEther('1'), ...fees })
      const receipt = await reader.waitForTransactionReceipt({ hash })
      expect(receipt.effectiveGasPrice).toBe(parseGwei('1') + fees.maxPriorityFeePerGas)
      expect(await reader.getTransaction({ hash })).toMatchObject({
        type: 'eip1559',
        ...fees,
        gasPrice: receipt.effectiveGasPrice,
      })
    })
    test('type 4: an account takes a contract’s code and answers with it', async () => {
      const { reader, wallet } = clients()
      const contract = await deployGreeter()
      const authorization = await createWalletClient({
        chain: foundry,
        transport: http(server.url),
        account: carol,
      }).signAuthorization({ account: carol, contractAddress: contract })
      const data = encodeFunctionData({ abi: greeterAbi, functionName: 'setGreeting', args: ['delegated'] })
      const hash = await wallet.sendTransaction({ authorizationList: [authorization], to: carol.address, data })
      const receipt = await reader.waitForTransactionReceipt({ hash })
      expect(receipt).toMatchObject({ type: 'eip7702', status: 'success' })
      expect(receipt.logs[0]?.address).toBe(carol.address.toLowerCase())
      expect(await reader.getCode({ address: carol.address })).toBe(`0xef0100${contract.slice(2)}`)
      const greeting = await reader.readContract({ address: carol.address, abi: greeterAbi, functionName: 'greeting' })
      expect(greeting).toBe('delegated')
      const shown = await reader.getTransaction({ hash })
      expect(shown.authorizationList).toMatchObject([{ address: contract, chainId: 31_337, nonce: 0 }])
      expect(await reader.getTransactionCount({ address: carol.address })).toBe(1)
    })
  })

  test('watchers see every block, event and pending transaction, over polling and over WebSocket', async () => {
    const { wallet } = clients()
    const address = await deployGreeter()
    for (const { name, transport, listeners } of [
      // Blocks are polled without a filter.
      { name: 'polling', transport: http(server.url), listeners: 2 },
      { name: 'webSocket', transport: socket(), listeners: 3 },
    ]) {
      // Those of the turn before are taken away by requests of their own, as new ones are made.
      await until(() => watching(server) === 0)
      const reader = createPublicClient({ chain: foundry, transport, pollingInterval: 20, cacheTime: 0 })
      const seen: string[] = []
      const stops = [
        reader.watchBlocks({ onBlock: ({ number }) => void seen.push(`block ${number}`) }),
        reader.watchPendingTransactions({
          onTransactions: (hashes) => void seen.push(...hashes.map((hash) => `pending ${hash}`)),
        }),
        reader.watchContractEvent({
          address,
          abi: greeterAbi,
          eventName: 'GreetingChanged',
          onLogs: (logs) => void seen.push(...logs.map(({ args }) => `event ${args.greeting}`)),
        }),
      ]
      await until(() => watching(server) === listeners)
      const hash = await wallet.writeContract({
        address,
        abi: greeterAbi,
        functionName: 'setGreeting',
        args: [name],
      })
      const wanted = [`pending ${hash}`, `event ${name}`, `block ${chain.head().header.height}`]
      await until(() => wanted.every((one) => seen.includes(one)))
      for (const stop of stops) stop()
    }
  })

  test('proofs of accounts and slots, present and absent, hold against the state root', async () => {
    const { reader } = clients()
    const address = await deployGreeter()
    const { stateRoot } = await reader.getBlock()
    for (const account of [address, alice.address, '0x00000000000000000000000000000000000000aa' as Hex]) {
      const proof = await reader.getProof({ address: account, storageKeys: [`0x${'00'.repeat(32)}`, `0x${'77'.repeat(32)}`] })
      await verifyProof(stateRoot, proof)
    }
  })

  test('gas estimates suffice and are close', async () => {
    const { reader, wallet } = clients()
    const address = await deployGreeter()
    const request = { address, abi: greeterAbi, functionName: 'setGreeting', args: ['x'.repeat(100)] } as const
    const gas = await reader.estimateContractGas({ ...request, account: alice })
    const receipt = await reader.waitForTransactionReceipt({ hash: await wallet.writeContract({ ...request, gas }) })
    expect(receipt.status).toBe('success')
    expect(Number(gas)).toBeLessThan(Number(receipt.gasUsed) * 1.3)
    expect(await reader.estimateGas({ account: alice, to: bob.address, value: 1n })).toBe(21_000n)
  })

  test('state overrides and block overrides reach the call', async () => {
    const { reader } = clients()
    // TIMESTAMP; NUMBER; BALANCE(CALLER) → 96 bytes
    const code: Hex = '0x4260005243602052333160405260606000f3'
    const { data } = await reader.call({
      account: bob,
      to: '0x00000000000000000000000000000000000000cc',
      stateOverride: [
        { address: '0x00000000000000000000000000000000000000cc', code },
        { address: bob.address, balance: 5n },
      ],
      blockOverrides: { time: 77n, number: 99n },
    })
    expect(data).toBe(toHex(77n, { size: 32 }) + toHex(99n, { size: 32 }).slice(2) + toHex(5n, { size: 32 }).slice(2))
  })

  test('simulated calls see each other’s changes', async () => {
    const { reader } = clients()
    const token = await createToken(clients())
    const results = await reader.simulateCalls({
      account: alice,
      calls: [
        { to: token, abi: demoTokenAbi, functionName: 'transfer', args: [bob.address, 40n] },
        { to: token, abi: demoTokenAbi, functionName: 'balanceOf', args: [bob.address] },
        { to: token, abi: demoTokenAbi, functionName: 'transfer', args: [bob.address, 10n ** 30n] },
        { to: '0x00000000000000000000000000000000000000dd', value: 3n },
      ],
    })
    expect(results.results.map(({ status }) => status)).toEqual(['success', 'success', 'failure', 'success'])
    expect(results.results[1]?.result).toBe(40n)
    const nothing = await reader.readContract({
      address: token,
      abi: demoTokenAbi,
      functionName: 'balanceOf',
      args: [bob.address],
    })
    expect(nothing).toBe(0n)
  })

  test('fee history covers the next block and the rewards of each', async () => {
    const { reader } = clients()
    const history = await reader.getFeeHistory({ blockCount: 3, rewardPercentiles: [10, 50] })
    expect(history.baseFeePerGas).toHaveLength(4)
    expect(history.gasUsedRatio).toHaveLength(3)
    expect(history.reward?.every((row) => row.length === 2)).toBe(true)
    expect(history.baseFeePerGas.at(-1)).toBe(parseGwei('1'))
  })

  test('the node signs messages and typed data for development accounts, and nobody else', async () => {
    const { reader } = clients()
    const remote = createWalletClient({ chain: foundry, transport: http(server.url), account: alice.address })
    expect(await remote.getAddresses()).toContain(alice.address)
    expect(await remote.signMessage({ message: 'hi' })).toBe(await alice.signMessage({ message: 'hi' }))
    const typed = {
      domain: { name: 'zerog', chainId: 31_337 },
      types: { Mail: [{ name: 'text', type: 'string' }] },
      primaryType: 'Mail',
      message: { text: 'hello' },
    } as const
    expect(await remote.signTypedData(typed)).toBe(await alice.signTypedData(typed))
    const hash = await remote.sendTransaction({ to: bob.address, value: 5n })
    expect((await reader.waitForTransactionReceipt({ hash })).status).toBe('success')
    const stranger = createWalletClient({ chain: foundry, transport: http(server.url), account: `0x${'12'.repeat(20)}` })
    await expect(stranger.sendTransaction({ to: bob.address })).rejects.toThrow('unknown account')
  })

  test('a receipt is readable in the instant in which its block is announced', async () => {
    const reader = createPublicClient({ chain: foundry, transport: socket() })
    const { wallet } = clients()
    const announced = new Promise<{ hash: Hex; transactions: number }>((resolve, reject) => {
      const stop = reader.watchBlocks({
        onBlock: async (block) => {
          if (block.transactions.length === 0) return
          stop()
          const receipt = await reader.getTransactionReceipt({ hash: block.transactions[0] as Hex }).catch(reject)
          if (receipt) resolve({ hash: receipt.transactionHash, transactions: block.transactions.length })
        },
      })
    })
    await until(() => watching(server) >= 1)
    const hash = await wallet.sendTransaction({ to: bob.address })
    expect((await announced).hash).toBe(hash)
  })
})

/** Subscriptions and filters that clients have on this server. */
function watching(server: RpcServer): number {
  return server.jsonRpc.listenerCount
}

async function createToken({ reader, wallet }: { reader: any; wallet: any }): Promise<Hex> {
  const hash = await wallet.deployContract({
    abi: demoTokenAbi,
    bytecode: artifacts.demoToken.bytecode,
    args: ['Demo', 'DEMO', 10n ** 24n],
  })
  return (await reader.waitForTransactionReceipt({ hash })).contractAddress
}

/** Waits for a fact without fixed sleeps; `meanwhile` runs at each look. */
async function until(fact: () => boolean, meanwhile: () => unknown = () => {}): Promise<void> {
  const deadlineMs = Date.now() + 20_000
  while (!fact()) {
    if (Date.now() > deadlineMs) throw new Error(`not true within 20 s: ${fact}`)
    await meanwhile()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
