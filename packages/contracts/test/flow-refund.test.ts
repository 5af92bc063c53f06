import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, it } from '@jest/globals'
import { type Abi, encodeFunctionData, type Hex } from 'viem'
import { flowAbi } from '../src/index.ts'
import { type Artifact, compile, readSources } from '../tools/compile.ts'
import {
  createStorageClient,
  dataOf,
  encodeBatchSubmit,
  encodeOldSubmit,
  encodeSubmit,
  eventsOf,
  FLOW,
  failure,
  MARKET,
  node,
  type StorageClient,
} from './support/storage-client.ts'
import { ALICE, BOB, createTestChain, type TestChain, type TestOutcome } from './support/test-chain.ts'

const spender = compile(readSources(fileURLToPath(new URL('solidity', import.meta.url)))).Spender as Artifact
const spenderCall = (functionName: string, ...args: unknown[]): Hex =>
  encodeFunctionData({ abi: spender.abi as Abi, functionName, args })

let chain: TestChain
let client: StorageClient
beforeEach(async () => {
  chain = await createTestChain()
  client = createStorageClient(chain)
})

describe('what is paid beyond the fee', () => {
  it('comes back in the same transaction', async () => {
    const before = await chain.balance(ALICE)
    const outcome = await client.submit(dataOf([node(1, 2)]), { value: 1_000_000n })
    expect(failure(outcome)).toBe('success')
    expect(await chain.balance(ALICE)).toBe(before - 40n)
    expect(await chain.balance(MARKET)).toBe(40n)
    expect(await chain.balance(FLOW)).toBe(0n)
    expect(eventsOf(outcome, 'RefundCredited')).toEqual([])
  })

  it('goes to the payer, not to the submitter', async () => {
    const before = await chain.balance(BOB)
    await chain.send({ to: FLOW, data: encodeSubmit(dataOf([node(1, 2)]), BOB), value: 1_000n })
    expect(await chain.balance(BOB)).toBe(before)
  })

  it('never pays for the next caller', async () => {
    await client.submit(dataOf([node(1, 2)]), { value: 1_000_000n })
    expect(failure(await client.submit(dataOf([node(2, 2)]), { value: 39n }))).toBe('NotEnoughFee(10,4,39)')
  })

  describe('by a contract that refuses ether', () => {
    let contract: Hex
    const forwardSubmit = (name: string): Promise<TestOutcome> =>
      chain.send({ to: contract, data: spenderCall('forward', FLOW, encodeOldSubmit(dataOf([node(name, 0)]))), value: 110n })
    beforeEach(async () => {
      contract = await chain.deploy(spender.bytecode as Hex, ALICE)
    })

    it('is credited, and can be withdrawn to anywhere once', async () => {
      const outcome = await forwardSubmit('a')
      expect(failure(outcome)).toBe('success')
      expect(eventsOf(outcome, 'RefundCredited')).toEqual([
        { account: expect.stringMatching(new RegExp(contract, 'i')), amount: 100n },
      ])
      expect(await client.flow('refundCredit', contract)).toBe(100n)
      expect(await chain.balance(FLOW)).toBe(100n)
      // Somebody else's submission neither uses nor moves it.
      await client.submit(dataOf([node('b', 0)]), { value: 11n })
      expect(await chain.balance(FLOW)).toBe(100n)
      const withdraw = (to: Hex): Hex => encodeFunctionData({ abi: flowAbi, functionName: 'withdrawRefund', args: [to] })
      const refused = await chain.send({ to: contract, data: spenderCall('forward', FLOW, withdraw(contract)) })
      expect(failure(refused)).toBe('RefundFailed()')
      const before = await chain.balance(BOB)
      expect(failure(await chain.send({ to: contract, data: spenderCall('forward', FLOW, withdraw(BOB)) }))).toBe('success')
      expect(await chain.balance(BOB)).toBe(before + 100n)
      expect(await client.flow('refundCredit', contract)).toBe(0n)
      await chain.send({ to: contract, data: spenderCall('forward', FLOW, withdraw(BOB)) })
      expect(await chain.balance(BOB)).toBe(before + 100n)
    })

    it('cannot use up the gas of the transaction', async () => {
      await chain.send({ to: contract, data: spenderCall('accept', true) })
      await chain.send({ to: contract, data: spenderCall('burn', true) })
      const outcome = await forwardSubmit('c')
      expect(failure(outcome)).toBe('success')
      expect(outcome.gasUsed).toBeLessThan(400_000n)
      expect(await client.flow('refundCredit', contract)).toBe(100n)
    })

    it('cannot enter the flow again while it is paid', async () => {
      await chain.send({ to: contract, data: spenderCall('accept', true) })
      for (const inner of [
        encodeOldSubmit(dataOf([node('d', 0)])),
        encodeFunctionData({ abi: flowAbi, functionName: 'makeContext' }),
      ]) {
        await chain.send({ to: contract, data: spenderCall('reenter', FLOW, inner) })
        expect(failure(await forwardSubmit(`outer ${inner}`))).toBe('success')
        const succeeded = await chain.dryRun({ to: contract, data: spenderCall('reenterSucceeded') })
        expect(BigInt(succeeded.output)).toBe(0n)
      }
      expect(await client.flow('numSubmissions')).toBe(2n)
    })
  })
})

describe('sending a submission again', () => {
  const data = dataOf([node('file', 4), node('file', 2)])

  it('re-emits Submit with the index and start it has, changes nothing and costs nothing', async () => {
    await client.submit(dataOf([node('other', 0)]))
    const first = await client.submit(data)
    const state = async () => [
      await client.flow('tree'),
      await client.flow('numSubmissions'),
      await client.flow('computeFlowRoot'),
    ]
    const before = [await state(), await chain.balance(ALICE), await chain.balance(MARKET)]
    const again = await client.submit(data)
    expect(failure(again)).toBe('success')
    expect(again.output).toBe(first.output)
    expect(again.logs).toEqual(first.logs.filter(({ address }) => address === FLOW))
    expect([await state(), await chain.balance(ALICE), await chain.balance(MARKET)]).toEqual(before)
    const free = await chain.send({ to: FLOW, data: encodeOldSubmit(data), value: 0n })
    expect(free.logs).toEqual(again.logs)
  })

  it('works inside a batch, and the batch pays once', async () => {
    const outcome = await chain.send({
      to: FLOW,
      data: encodeBatchSubmit([data, data, dataOf([node('x', 0)])], ALICE),
      value: 1_000n,
    })
    expect(eventsOf(outcome, 'Submit').map(({ submissionIndex }) => submissionIndex)).toEqual([0n, 0n, 1n])
    expect(await chain.balance(MARKET)).toBe(210n)
  })

  it.each([
    ['has tags', { ...data, tags: '0x01' as Hex }, ALICE],
    ["is another submitter's", data, BOB],
    ['is shorter by a byte, which is another file with the same root', { ...data, length: data.length - 1n }, ALICE],
    ['has the same roots at other heights', dataOf([{ ...data.nodes[0], height: 5n }, data.nodes[1]] as never), ALICE],
  ])('makes a new entry where it %s', async (_, other, submitter) => {
    await client.submit(data)
    const outcome = await chain.send({ to: FLOW, data: encodeSubmit(other, submitter), value: 1_000n })
    expect(eventsOf(outcome, 'Submit')[0].submissionIndex).toBe(1n)
  })

  it('with tags is always new', async () => {
    const tagged = { ...data, tags: '0x02' as Hex }
    await client.submit(tagged)
    expect(eventsOf(await client.submit(tagged), 'Submit')[0].submissionIndex).toBe(1n)
    expect(eventsOf(await client.submit(data), 'Submit')[0].submissionIndex).toBe(2n)
  })

  it('makes a new entry once the old one expired', async () => {
    await client.submit(data)
    const expiresAt = (await client.market('expiresAt', 0n)) as bigint
    chain.timestampSeconds = expiresAt - 1n
    expect(eventsOf(await client.submit(data), 'Submit')[0].submissionIndex).toBe(0n)
    chain.timestampSeconds = expiresAt
    expect(eventsOf(await client.submit(data), 'Submit')[0].submissionIndex).toBe(1n)
    expect(await client.market('expiresAt', 1n)).toBe(expiresAt + 31n * 86_400n)
    expect(eventsOf(await client.submit(data), 'Submit')[0].submissionIndex).toBe(1n)
  })
})
