import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type Abi, encodeFunctionData, type Hex, keccak256 } from 'viem'
import { artifacts } from '../src/index.ts'
import { type Artifact, compile, readSources } from '../tools/compile.ts'
import { chainInState, type FlowState, leastGas } from './support/flow-states.ts'
import {
  createStorageClient,
  type Data,
  dataOf,
  encodeBatchSubmit,
  encodeOldSubmit,
  encodeSubmit,
  eventsOf,
  FLOW,
  failure,
  MARKET,
  node,
  sectorsOf,
} from './support/storage-client.ts'
import { ALICE, BOB, createTestChain, type TestCall, type TestChain, testAllocation } from './support/test-chain.ts'

const LEVELS = 40
const file = fc
  .record({
    first: fc.nat({ max: 20 }),
    drops: fc.uniqueArray(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
    tagBytes: fc.constantFrom(0, 0, 1, 1_000),
    seed: fc.string(),
  })
  .map(({ first, drops, tagBytes, seed }) => {
    const heights = [first, ...drops.toSorted((a, b) => a - b).map((drop) => first - drop)].filter((height) => height >= 0)
    return dataOf(
      heights.map((height) => node(seed, height)),
      `0x${'ab'.repeat(tagBytes)}`,
    )
  })
const files = fc.oneof(fc.tuple(file), fc.array(file, { minLength: 1, maxLength: 12 }))

/** Trees up to the bound, most of them with long runs of ones, which cost reads and carries. */
const length = fc
  .tuple(fc.bigInt({ min: 0n, max: 2n ** 40n - 1n }), fc.integer({ min: 0, max: LEVELS }), fc.integer({ min: 0, max: LEVELS }))
  .map(([random, ones, from]) => {
    const run = ((1n << BigInt(ones)) - 1n) << BigInt(from)
    return ((random & (random >> 3n)) | run | 1n) & (2n ** 40n - 1n)
  })
const state: fc.Arbitrary<FlowState> = fc.record({
  length: fc.oneof(length, fc.constantFrom(1n, 2n ** 40n - 1n, 2n ** 39n - 1n, 2n ** 40n - 2n, (2n ** 40n - 1n) ^ (1n << 38n))),
  epochEnded: fc.boolean(),
  dayBegins: fc.boolean(),
})

/** One wei too much: the refund counts too. */
function callOf(data: readonly Data[]): TestCall {
  const [only] = data
  return {
    to: FLOW,
    data: data.length === 1 && only !== undefined ? encodeSubmit(only, ALICE) : encodeBatchSubmit(data, ALICE),
    value: data.reduce((sum, { nodes }) => sum + sectorsOf(nodes), 0n) * 10n + 1n,
  }
}

/** What an exact estimate on this state says; a limit below the transaction's own price is a failure like others. */
function estimate(chain: TestChain, call: TestCall): Promise<bigint> {
  return leastGas(async (gasLimit) => (await chain.dryRun({ ...call, gasLimit }).catch(() => ({ success: false }))).success)
}

describe('a gas limit that was enough on one tree', () => {
  it('is enough on every other, with an epoch and a day that ended in between', async () => {
    await fc.assert(
      fc.asyncProperty(files, state, fc.array(state, { minLength: 4, maxLength: 4 }), async (data, estimated, mined) => {
        const call = callOf(data)
        const gasLimit = await estimate(await chainInState(estimated), call)
        for (const other of mined) {
          const outcome = await (await chainInState(other)).send({ ...call, gasLimit })
          expect(failure(outcome)).toBe('success')
        }
      }),
      { numRuns: 10 },
    )
  }, 300_000)

  it('is enough beyond 256 TiB too, and for single nodes up to the largest', async () => {
    for (const height of [0, 13, 40, 61]) {
      const call = { ...callOf([dataOf([node('deep', height)])]), value: (1n << BigInt(height)) * 10n + 1n }
      const deep = { length: 2n ** 61n, epochEnded: false, dayBegins: false }
      const gasLimit = await estimate(await chainInState(deep), call)
      for (const other of [2n ** 61n - 1n, 2n ** 62n - 1n, (2n ** 62n - 1n) ^ (1n << 59n)]) {
        const chain = await chainInState({ length: other, epochEnded: true, dayBegins: true })
        expect(failure(await chain.send({ ...call, gasLimit }))).toBe('success')
      }
    }
  }, 300_000)

  it('leaves less than a tenth unused where a single submission costs most', async () => {
    for (const levels of [[5], [3, 2, 1, 0], [13, 12, 11, 10]]) {
      const call = callOf([dataOf(levels.map((height) => node('dear', height)))])
      const gasLimit = await estimate(await createTestChain(), call)
      const dearest = await chainInState({ length: 2n ** 40n - 1n, epochEnded: true, dayBegins: true })
      expect(Number((await dearest.send(call)).gasUsed) / Number(gasLimit)).toBeGreaterThan(0.9)
    }
  })
})

describe('too little gas', () => {
  it('is said by name, with both figures, before anything happens', async () => {
    const chain = await createTestChain()
    const call = callOf([dataOf([node('short', 5)])])
    const enough = await estimate(chain, call)
    const outcome = await chain.dryRun({ ...call, gasLimit: enough - 1n })
    const [, needed, given] = /^NotEnoughGas\((\d+),(\d+)\)$/.exec(failure(outcome)) ?? []
    expect(BigInt(needed ?? 0)).toBe(BigInt(given ?? 0) + 1n)
    expect(outcome.gasUsed).toBeLessThan(60_000n)
  })

  it('is not asked about when a submission is sent again', async () => {
    const chain = await createTestChain()
    const data = dataOf([node('again', 5)])
    await chain.send(callOf([data]))
    expect(await estimate(chain, callOf([data]))).toBeLessThan(70_000n)
    expect(await estimate(chain, callOf([data, data]))).toBeLessThan(100_000n)
  })

  it('cannot come from entries that are known, however many days the market remembers', async () => {
    const known = Array.from({ length: 8 }, (_, index) => dataOf([node(`known ${index}`, 1)]))
    const batch = callOf([dataOf([node('new', 1)]), ...known])
    const prepared = async (days: number): Promise<TestChain> => {
      const chain = await createTestChain(withPeriods(days))
      expect(failure(await chain.send(callOf(known)))).toBe('success')
      return chain
    }
    const gasLimit = await estimate(await prepared(0), batch)
    const old = await prepared(3_700)
    const outcome = await old.send({ ...batch, gasLimit })
    expect(failure(outcome)).toBe('success')
    expect(eventsOf(outcome, 'Submit').map(({ submissionIndex }) => submissionIndex)).toEqual([
      8n,
      0n,
      1n,
      2n,
      3n,
      4n,
      5n,
      6n,
      7n,
    ])
    expect(await createStorageClient(old).market('expiresAt', 0n)).toBeGreaterThan(1_800_000_000n)
  })

  it('cannot come from the refund of a contract, even of one that uses up all that it may', async () => {
    const spender = compile(readSources(fileURLToPath(new URL('solidity', import.meta.url)))).Spender as Artifact
    const spenderCall = (functionName: string, ...args: unknown[]): Hex =>
      encodeFunctionData({ abi: spender.abi as Abi, functionName, args })
    const prepare = async (burns: boolean, from: FlowState): Promise<[TestChain, Hex]> => {
      const chain = await chainInState(from)
      const contract = await chain.deploy(spender.bytecode as Hex, ALICE)
      await chain.send({ to: contract, data: spenderCall('accept', true) })
      if (burns) await chain.send({ to: contract, data: spenderCall('burn', true) })
      return [chain, contract]
    }
    const [cheap, contract] = await prepare(false, { length: 1n, epochEnded: false, dayBegins: false })
    const [dear, same] = await prepare(true, { length: 2n ** 40n - 1n, epochEnded: true, dayBegins: true })
    expect(same).toBe(contract)
    const call = {
      from: BOB,
      to: contract,
      data: spenderCall('forward', FLOW, encodeOldSubmit(dataOf([node('c', 0)]))),
      value: 11n,
    }
    const gasLimit = await estimate(cheap, call)
    expect(failure(await dear.send({ ...call, gasLimit }))).toBe('success')
  })
})

/** A market that opened a period on each of so many days: an array behind the slot of the lifetime. */
function withPeriods(days: number): ReturnType<typeof testAllocation> {
  const allocation = testAllocation()
  const slot = BigInt(artifacts.market.storage.entryLifetimeSeconds.slot + 1)
  const word = (value: bigint): Hex => `0x${value.toString(16).padStart(64, '0')}`
  const first = BigInt(keccak256(word(slot)))
  // Index 0 for all: the search walks to the end and finds the last.
  const period = word(2_000_000_000n << 64n)
  const periods = Array.from({ length: days }, (_, index): [Hex, Hex] => [word(first + BigInt(index)), period])
  const market = allocation[MARKET]
  const storage = {
    ...market?.storage,
    ...(days === 0 ? {} : { [word(slot)]: word(BigInt(days)) }),
    ...Object.fromEntries(periods),
  }
  return { ...allocation, [MARKET]: { balance: 0n, ...market, storage } }
}
