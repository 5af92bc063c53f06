import { beforeEach, describe, expect, it } from '@jest/globals'
import { encodeAbiParameters, type Hex, keccak256, parseAbiParameters } from 'viem'
import { createStorageClient, dataOf, eventsOf, failure, node, type StorageClient } from './support/storage-client.ts'
import { createTestChain, hashOf, type TestChain, testAllocation } from './support/test-chain.ts'

const EMPTY_HASH = keccak256('0x')
const ZERO_HASH: Hex = `0x${'00'.repeat(32)}`
const digestOf = (start: bigint, root: Hex, length: bigint): Hex =>
  keccak256(encodeAbiParameters(parseAbiParameters('bytes32, bytes32, uint256'), [hashOf(start), root, length]))

let chain: TestChain
let client: StorageClient
beforeEach(async () => {
  chain = await createTestChain()
  client = createStorageClient(chain)
})

/** Epochs are 100 blocks long and the first block is 0. */
describe('epochs', () => {
  it('begin with an empty context', async () => {
    const context = { epoch: 0n, mineStart: 0n, flowRoot: ZERO_HASH, flowLength: 1n, blockDigest: EMPTY_HASH, digest: EMPTY_HASH }
    expect(await client.flow('getContext')).toEqual(context)
    expect(await client.flow('blocksPerEpoch')).toBe(100n)
    expect(await client.flow('firstBlock')).toBe(0n)
  })

  it('roll after, not at, their end, with the flow as it was before the submission', async () => {
    await client.submit(dataOf([node(1, 2)]))
    const root = (await client.flow('computeFlowRoot')) as Hex
    chain.height = 100n
    expect(eventsOf(await client.submit(dataOf([node(2, 0)])), 'NewEpoch')).toEqual([])
    const before = (await client.flow('computeFlowRoot')) as Hex
    expect(before).not.toBe(root)
    expect(await client.flow('getContext')).toMatchObject({ epoch: 0n, flowRoot: ZERO_HASH, digest: EMPTY_HASH })
    chain.height = 101n
    const outcome = await client.submit(dataOf([node(3, 0)]))
    const digest = digestOf(100n, before, 9n)
    expect(eventsOf(outcome, 'NewEpoch')).toEqual([
      { sender: expect.anything(), index: 1n, startMerkleRoot: before, submissionIndex: 2n, flowLength: 9n, context: digest },
    ])
    const context = { epoch: 1n, mineStart: 100n, flowRoot: before, flowLength: 9n, blockDigest: hashOf(100n), digest }
    expect(await client.flow('getContext')).toEqual(context)
    expect(await client.flow('getEpochRange', digest)).toEqual({ start: 0n, end: 9n })
    expect(await client.flow('getEpochRangeHistory', 0n)).toEqual({ start: 0n, end: 9n, digest })
    expect(await client.flow('epoch')).toBe(1n)
    expect(await client.flow('epochStartPosition')).toBe(9n)
  })

  it('catch up one by one, with hashes from EIP-2935 beyond 256 blocks', async () => {
    await client.submit(dataOf([node(1, 0)]))
    const root = (await client.flow('computeFlowRoot')) as Hex
    chain.height = 1_001n
    const events = eventsOf(await client.sendFlow('makeContext'), 'NewEpoch')
    expect(events.map(({ index, context }) => [index, context])).toEqual(
      Array.from({ length: 10 }, (_, epoch) => [BigInt(epoch + 1), digestOf(BigInt(epoch + 1) * 100n, root, 2n)]),
    )
    expect(await client.flow('getEpochRange', digestOf(200n, root, 2n))).toEqual({ start: 2n, end: 2n })
    expect(eventsOf(await client.sendFlow('makeContext'), 'NewEpoch')).toEqual([])
  })

  it.each([1n, 255n, 256n, 257n, 258n])('%s blocks old have the hash of their first block', async (age) => {
    chain.height = 100n + age
    const [first] = eventsOf(await client.sendFlow('makeContext'), 'NewEpoch')
    expect(first.context).toBe(digestOf(100n, ZERO_HASH, 1n))
  })

  it('that are more than 8191 blocks old have no digest, and their range falls to the next one that has', async () => {
    await client.submit(dataOf([node(1, 0)]))
    const root = (await client.flow('computeFlowRoot')) as Hex
    chain.height = 100n + 8_192n
    const events = eventsOf(await client.sendFlow('makeContext'), 'NewEpoch')
    expect(events).toHaveLength(82)
    expect(events[0].context).toBe(EMPTY_HASH)
    expect(events[1].context).toBe(digestOf(200n, root, 2n))
    expect(await client.flow('getEpochRange', events[1].context)).toEqual({ start: 0n, end: 2n })
    expect(await client.flow('getEpochRange', EMPTY_HASH)).toEqual({ start: 0n, end: 0n })
  })

  it('exactly 8191 blocks old still have one', async () => {
    chain.height = 100n + 8_191n
    const [first] = eventsOf(await client.sendFlow('makeContext'), 'NewEpoch')
    expect(first.context).toBe(digestOf(100n, ZERO_HASH, 1n))
  })

  it("can be caught up in parts of n + 1, as 0G's contract counts", async () => {
    chain.height = 1_001n
    expect(eventsOf(await client.sendFlow('makeContextFixedTimes', [3n]), 'NewEpoch')).toHaveLength(4)
    expect(eventsOf(await client.sendFlow('makeContextFixedTimes', [0n]), 'NewEpoch')).toHaveLength(1)
    expect(await client.flow('epoch')).toBe(5n)
    expect(eventsOf(await client.sendFlow('makeContextFixedTimes', [2n ** 256n - 1n]), 'NewEpoch')).toHaveLength(5)
  })

  it('makeContextWithResult answers with the context it made', async () => {
    chain.height = 101n
    expect(await client.flow('makeContextWithResult')).toMatchObject({ epoch: 1n, blockDigest: hashOf(100n) })
  })

  it('queryContextAtPosition finds the epoch of every position', async () => {
    for (let epoch = 1n; epoch <= 5n; epoch++) {
      await client.submit(dataOf([node(`e${epoch}`, 1)]))
      chain.height = epoch * 100n + 1n
      await client.sendFlow('makeContext')
    }
    const length = ((await client.flow('tree')) as [bigint])[0]
    for (let position = 0n; position < length; position++) {
      const range = (await client.flow('queryContextAtPosition', position)) as { start: bigint; end: bigint; digest: Hex }
      expect(position >= range.start && position < range.end).toBe(true)
      expect(await client.flow('getEpochRange', range.digest)).toEqual({ start: range.start, end: range.end })
    }
    await expect(client.flow('queryContextAtPosition', length)).rejects.toThrow('Queried position exceeds upper bound')
    await client.submit(dataOf([node('late', 0)]))
    await expect(client.flow('queryContextAtPosition', length)).rejects.toThrow('Can not find proper context')
  })

  it('a thousand missed epochs fit into one transaction', async () => {
    chain.height = 100_000n
    const outcome = await client.submit(dataOf([node('far', 0)]))
    expect(failure(outcome)).toBe('success')
    expect(eventsOf(outcome, 'NewEpoch')).toHaveLength(999)
    expect(outcome.gasUsed).toBeLessThan(15_000_000n)
  })
})

describe('before its first block', () => {
  it("the flow refuses with 0G's text", async () => {
    const allocation = structuredClone(testAllocation()) as Record<string, { storage?: Record<string, string> }>
    const flow = allocation['0x0600000000000000000000000000000000000101']
    const slot = `0x${'03'.padStart(64, '0')}`
    const config = BigInt(flow?.storage?.[slot] as string) | (50n << 160n)
    if (flow?.storage !== undefined) flow.storage[slot] = `0x${config.toString(16).padStart(64, '0')}`
    const later = await createTestChain(allocation as never)
    const laterClient = createStorageClient(later)
    expect(await laterClient.flow('firstBlock')).toBe(50n)
    expect(failure(await laterClient.submit(dataOf([node(1, 0)])))).toBe('Error(Contract has not launched.)')
    later.height = 50n
    expect(failure(await laterClient.submit(dataOf([node(1, 0)])))).toBe('success')
  })
})
