import { beforeAll, describe, expect, it } from '@jest/globals'
import { buildFileTree, toHex } from '@zerog/primitives'
import fc from 'fast-check'
import { decodeErrorResult, decodeFunctionResult, encodeDeployData, encodeFunctionData, type Hex, parseEther } from 'viem'
import { artifacts, demoTokenAbi, developmentAccounts, flowAbi, greeterAbi } from '../src/index.ts'
import { createExecutorChain, type SendOptions } from './support/executor-chain.ts'
import { leastGas } from './support/flow-states.ts'
import { ReferenceFlow } from './support/reference-flow.ts'
import { type Data, encodeOldSubmit, encodeSubmit, eventsOf, FLOW, MARKET } from './support/storage-client.ts'

type Chain = Awaited<ReturnType<typeof createExecutorChain>>
const [first, second] = developmentAccounts() as unknown as readonly [{ address: Hex }, { address: Hex }]
const outcome = (receipt: { logs: readonly { address: Hex; topics: readonly Hex[]; data: Hex }[] }) => receipt as never
const PRICE = 30_733_644_962n

let chain: Chain
beforeAll(async () => {
  chain = await createExecutorChain({ blocksPerEpoch: 20n })
})
const view = async (name: 'tree' | 'numSubmissions' | 'computeFlowRoot' | 'getContext'): Promise<unknown> => {
  const { output } = await chain.call(FLOW, encodeFunctionData({ abi: flowAbi, functionName: name }))
  return decodeFunctionResult({ abi: flowAbi, functionName: name, data: output })
}

describe('on our executor', () => {
  it('files are submitted by signed transactions and the change comes back', async () => {
    const reference = new ReferenceFlow()
    for (const [index, sizeBytes] of [1, 256, 4_097, 300_000, 1].entries()) {
      const tree = buildFileTree(new Uint8Array(sizeBytes).fill(index + 1))
      const nodes = tree.nodes.map(({ height, root }) => ({ height: BigInt(height), root: toHex(root) }))
      const data: Data = { length: BigInt(sizeBytes), tags: '0x', nodes }
      const fee = BigInt(tree.layout.paddedEntryCount) * PRICE
      const before = await chain.balance(first.address)
      const receipt = await chain.send({ to: FLOW, data: encodeSubmit(data, first.address), value: fee + parseEther('1') })
      expect(receipt.status).toBe(1)
      expect(await chain.balance(first.address)).toBe(before - fee - receipt.gasUsed * receipt.effectiveGasPrice)
      expect(eventsOf(outcome(receipt), 'Submit')).toMatchObject([
        { submissionIndex: BigInt(index), startPos: reference.submit(nodes) },
      ])
      expect(await view('computeFlowRoot')).toBe(reference.root())
      const again = await chain.send({ to: FLOW, data: encodeSubmit(data, first.address), value: fee })
      expect(eventsOf(outcome(again), 'Submit')).toMatchObject([{ submissionIndex: BigInt(index) }])
      expect(await view('numSubmissions')).toBe(BigInt(index + 1))
    }
    expect(await chain.balance(FLOW)).toBe(0n)
    expect(await chain.balance(MARKET)).toBeGreaterThan(0n)
  })

  it('a call that pays too little names the price', async () => {
    const data: Data = { length: 1n, tags: '0x', nodes: [{ height: 0n, root: `0x${'77'.repeat(32)}` }] }
    const result = await chain.call(FLOW, encodeOldSubmit(data), first.address)
    expect(result.error).toBe('execution reverted')
    expect(decodeErrorResult({ abi: flowAbi, data: result.output })).toMatchObject({
      errorName: 'NotEnoughFee',
      args: [PRICE, 1n, 0n],
    })
  })

  it('files whose gas was estimated at the same time are all submitted, in whatever order', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 600_000 }), { minLength: 6, maxLength: 14 })
    await fc.assert(
      fc.asyncProperty(sizes, fc.array(fc.nat(), { minLength: 14, maxLength: 14 }), async (sizesBytes, ranks) => {
        // Epochs of eight blocks, so one or two end on the way.
        const busy = await createExecutorChain({ blocksPerEpoch: 8n })
        const estimated: SendOptions[] = []
        for (const [index, sizeBytes] of sizesBytes.entries()) {
          const tree = buildFileTree(new Uint8Array(sizeBytes).fill(index + 1))
          const nodes = tree.nodes.map(({ height, root }) => ({ height: BigInt(height), root: toHex(root) }))
          const account = index % 10
          const submitter = (developmentAccounts()[account] as { address: Hex }).address
          const data = encodeSubmit({ length: BigInt(sizeBytes), tags: '0x', nodes }, submitter)
          const call = { to: FLOW, data, value: BigInt(tree.layout.paddedEntryCount) * PRICE, account }
          const succeeds = (gas: bigint): Promise<boolean> => busy.succeeds({ ...call, gas }).catch(() => false)
          estimated.push({ ...call, gas: await leastGas(succeeds) })
        }
        const order = estimated.map((call, index) => ({ call, rank: ranks[index] ?? 0 })).toSorted((a, b) => a.rank - b.rank)
        for (const { call } of order) expect((await busy.send(call)).status).toBe(1)
      }),
      { numRuns: 5 },
    )
  }, 300_000)

  it('epochs take the hashes of the chain, by opcode and by EIP-2935', async () => {
    await chain.mine(300)
    const receipt = await chain.send({ to: FLOW, data: encodeFunctionData({ abi: flowAbi, functionName: 'makeContext' }) })
    const events = eventsOf(outcome(receipt), 'NewEpoch')
    expect(events.length).toBeGreaterThan(13)
    const digests = new Set(events.map(({ context }) => context))
    expect(digests.size).toBe(events.length)
    expect(digests).not.toContain('0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470')
  })

  it('the demo contracts deploy, answer, emit and revert with names', async () => {
    const greeter = await chain.send({
      data: encodeDeployData({ abi: greeterAbi, bytecode: artifacts.greeter.bytecode, args: ['Hello'] }),
    })
    const at = greeter.contractAddress as Hex
    const greet = await chain.call(at, encodeFunctionData({ abi: greeterAbi, functionName: 'greet', args: ['zerog'] }))
    expect(decodeFunctionResult({ abi: greeterAbi, functionName: 'greet', data: greet.output })).toBe('Hello, zerog!')
    const empty = await chain.call(at, encodeFunctionData({ abi: greeterAbi, functionName: 'setGreeting', args: [''] }))
    expect(decodeErrorResult({ abi: greeterAbi, data: empty.output }).errorName).toBe('EmptyGreeting')

    const deployed = encodeDeployData({
      abi: demoTokenAbi,
      bytecode: artifacts.demoToken.bytecode,
      args: ['Demo', 'DEMO', 1_000n],
    })
    const token = (await chain.send({ data: deployed })).contractAddress as Hex
    const tokenCall = (functionName: 'transfer' | 'approve' | 'transferFrom', args: readonly unknown[]): Hex =>
      encodeFunctionData({ abi: demoTokenAbi, functionName, args } as never)
    const balanceOf = async (address: Hex): Promise<unknown> => {
      const { output } = await chain.call(
        token,
        encodeFunctionData({ abi: demoTokenAbi, functionName: 'balanceOf', args: [address] }),
      )
      return decodeFunctionResult({ abi: demoTokenAbi, functionName: 'balanceOf', data: output })
    }
    expect((await chain.send({ to: token, data: tokenCall('transfer', [second.address, 400n]) })).status).toBe(1)
    expect((await chain.send({ to: token, data: tokenCall('transfer', [second.address, 601n]) })).status).toBe(0)
    expect((await chain.send({ to: token, data: tokenCall('approve', [second.address, 100n]) })).status).toBe(1)
    const take = (value: bigint) =>
      chain.send({ account: 1, to: token, data: tokenCall('transferFrom', [first.address, second.address, value]) })
    expect((await take(60n)).status).toBe(1)
    expect((await take(41n)).status).toBe(0)
    expect([await balanceOf(first.address), await balanceOf(second.address)]).toEqual([540n, 460n])
  })
})
