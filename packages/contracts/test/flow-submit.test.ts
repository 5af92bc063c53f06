import { beforeAll, describe, expect, it } from '@jest/globals'
import { encodeFunctionData, type Hex, keccak256, toEventSelector, toFunctionSelector } from 'viem'
import { flowAbi, marketAbi } from '../src/index.ts'
import {
  createStorageClient,
  dataOf,
  encodeBatchSubmit,
  encodeOldBatchSubmit,
  encodeOldSubmit,
  encodeSubmit,
  eventsOf,
  FLOW,
  failure,
  MARKET,
  node,
  type StorageClient,
} from './support/storage-client.ts'
import { ALICE, BOB, createTestChain, OWNER, type TestChain } from './support/test-chain.ts'

let chain: TestChain
let client: StorageClient
const fresh = async (): Promise<void> => {
  chain = await createTestChain()
  client = createStorageClient(chain)
}

describe("selectors and topics are 0G's", () => {
  const selectors: Record<string, Hex> = {
    'submit(((uint256,bytes,(bytes32,uint256)[]),address))': '0xbc8c11f8',
    'batchSubmit(((uint256,bytes,(bytes32,uint256)[]),address)[])': '0x49aa3395',
    'submit((uint256,bytes,(bytes32,uint256)[]))': '0xef3e12dc',
    'batchSubmit((uint256,bytes,(bytes32,uint256)[])[])': '0x9e62a38e',
    'market()': '0x80f55605',
    'numSubmissions()': '0x77e19824',
    'submissionIndex()': '0xb8a409ac',
    'epoch()': '0x900cf0cf',
    'tree()': '0xfd54b228',
    'getContext()': '0x127f0f07',
    'makeContext()': '0x38d45e10',
    'makeContextFixedTimes(uint256)': '0x18a641ef',
    'makeContextWithResult()': '0xb464b53e',
    'getEpochRange(bytes32)': '0x7d590708',
    'getEpochRangeHistory(uint256)': '0x4282b532',
    'queryContextAtPosition(uint128)': '0x31bae174',
    'getFlowRootByTxSeq(uint256)': '0x6d7ad0fc',
    'computeFlowRoot()': '0x1deb0fca',
    'blocksPerEpoch()': '0xf0682054',
    'firstBlock()': '0x231b0268',
    'pricePerSector()': '0x61ec5082',
    'chargeFee(uint256,uint256,uint256)': '0xda6eb36a',
    'setPricePerSector(uint256)': '0x14aa90a1',
  }
  const ofAbi = [...flowAbi, ...marketAbi].filter((item) => item.type === 'function').map((item) => toFunctionSelector(item))

  it.each(Object.entries(selectors))('%s', (signature, selector) => {
    expect(toFunctionSelector(signature)).toBe(selector)
    expect(ofAbi).toContain(selector)
  })

  it('events and errors', () => {
    const topics = flowAbi.filter((item) => item.type === 'event').map((item) => toEventSelector(item))
    expect(topics).toContain('0x167ce04d2aa1981994d3a31695da0d785373335b1078cec239a1a3a2c7675555')
    expect(topics).toContain('0xbc8a3fd82465d43f1709e44ed882f7e1af0147274196ef1ec009f5d52ff4e993')
    const errors = flowAbi.filter((item) => item.type === 'error')
    const errorSelectors = errors.map(({ name, inputs }) =>
      toFunctionSelector(`${name}(${inputs.map(({ type }) => type).join(',')})`),
    )
    expect(errorSelectors).toEqual(expect.arrayContaining(['0xf956cee4', '0xf85c6482', '0xd93c0665']))
  })
})

describe('a submission', () => {
  beforeAll(fresh)

  it('of both generations leaves the same log, result and tree', async () => {
    const data = dataOf([node(1, 4), node(1, 1)], '0xabcd')
    const now = await chain.dryRun({ to: FLOW, data: encodeSubmit(data, ALICE), value: 180n })
    const before = await chain.dryRun({ to: FLOW, data: encodeOldSubmit(data), value: 180n })
    expect(failure(now)).toBe('success')
    expect(before.logs).toEqual(now.logs)
    expect(before.output).toBe(now.output)
    const batchNow = await chain.dryRun({ to: FLOW, data: encodeBatchSubmit([data, dataOf([node(2, 0)])], ALICE), value: 190n })
    const batchBefore = await chain.dryRun({ to: FLOW, data: encodeOldBatchSubmit([data, dataOf([node(2, 0)])]), value: 190n })
    expect(failure(batchNow)).toBe('success')
    expect(batchBefore.logs).toEqual(batchNow.logs)
    expect(batchBefore.output).toBe(batchNow.output)
    expect(eventsOf(batchNow, 'Submit')).toHaveLength(2)
  })

  it('tells index, identity, start and sectors, names the submitter and not the payer', async () => {
    const data = dataOf([node('a', 1)])
    const outcome = await chain.send({ to: FLOW, from: ALICE, data: encodeSubmit(data, BOB), value: 20n })
    expect(eventsOf(outcome, 'Submit')).toEqual([
      {
        sender: expect.stringMatching(new RegExp(BOB, 'i')),
        identity: keccak256(data.nodes[0]?.root as Hex),
        submissionIndex: 0n,
        startPos: 2n,
        length: 2n,
        submission: data,
      },
    ])
    expect(await client.flow('numSubmissions')).toBe(1n)
    expect(await client.flow('submissionIndex')).toBe(1n)
    expect(await client.flow('tree')).toEqual([4n, 3n])
    expect(await client.flow('getFlowRootByTxSeq', 0n)).toBe(await client.flow('computeFlowRoot'))
    expect(await chain.balance(MARKET)).toBe(20n)
  })

  it('is refused with NotEnoughFee(price, sectors, paid) when it pays too little', async () => {
    const outcome = await client.submit(dataOf([node('b', 3)]), { value: 79n })
    expect(failure(outcome)).toBe('NotEnoughFee(10,8,79)')
  })

  it('starts at 1 if it is the first and one sector long', async () => {
    await fresh()
    const outcome = await client.submit(dataOf([node('first', 0)]))
    expect(eventsOf(outcome, 'Submit')[0].startPos).toBe(1n)
  })
})

describe('InvalidSubmission', () => {
  beforeAll(fresh)
  const ok = dataOf([node(1, 5), node(1, 2)])
  const cases: [string, () => Hex][] = [
    ['no nodes', () => encodeSubmit({ length: 1n, tags: '0x', nodes: [] }, ALICE)],
    ['submitter zero', () => encodeSubmit(ok, `0x${'00'.repeat(20)}`)],
    ['heights equal', () => encodeSubmit(dataOf([node(1, 2), node(2, 2)]), ALICE)],
    ['heights growing', () => encodeSubmit(dataOf([node(1, 2), node(2, 3)]), ALICE)],
    ['heights 4 apart', () => encodeSubmit(dataOf([node(1, 6), node(2, 2)]), ALICE)],
    ['height 64', () => encodeSubmit({ length: 1n, tags: '0x', nodes: [{ root: node(1, 1).root, height: 64n }] }, ALICE)],
    [
      'height 2^256 - 1',
      () => encodeSubmit({ length: 1n, tags: '0x', nodes: [{ root: node(1, 1).root, height: 2n ** 256n - 1n }] }, ALICE),
    ],
    ['longer than the nodes', () => encodeSubmit({ ...ok, length: 36n * 256n + 1n }, ALICE)],
    ['length 0', () => encodeSubmit({ ...dataOf([node(1, 0)]), length: 0n }, ALICE)],
    [
      'a whole sector of padding below 16',
      () => encodeSubmit({ ...dataOf([node(1, 3), node(1, 2)]), length: 11n * 256n }, ALICE),
    ],
    ['one node, a sixteenth of padding', () => encodeSubmit({ ...dataOf([node(1, 4)]), length: 15n * 256n }, ALICE)],
    ['several nodes, a whole part of padding', () => encodeSubmit({ ...ok, length: 32n * 256n }, ALICE)],
  ]
  it.each(cases)('%s', async (_, data) => {
    expect(failure(await chain.dryRun({ to: FLOW, data: data(), value: 10n ** 20n }))).toBe('InvalidSubmission()')
  })

  it.each([
    ['one byte more than padding allows, below 16', { ...dataOf([node(1, 3), node(1, 2)]), length: 11n * 256n + 1n }],
    ['one node', { ...dataOf([node(1, 4)]), length: 15n * 256n + 1n }],
    ['several nodes', { ...ok, length: 32n * 256n + 1n }],
  ])('but not %s', async (_, data) => {
    expect(failure(await chain.dryRun({ to: FLOW, data: encodeSubmit(data, ALICE), value: 10n ** 6n }))).toBe('success')
  })
})

describe('a paused flow', () => {
  beforeAll(fresh)

  it('refuses with EnforcedPause until the owner unpauses it', async () => {
    expect(failure(await client.sendFlow('pause'))).toMatch(/^OwnableUnauthorizedAccount/)
    expect(failure(await client.sendFlow('pause', [], { from: OWNER }))).toBe('success')
    expect(failure(await client.submit(dataOf([node(1, 0)])))).toBe('EnforcedPause()')
    expect(failure(await client.sendFlow('makeContext'))).toBe('EnforcedPause()')
    expect(failure(await chain.send({ to: FLOW, data: encodeOldBatchSubmit([]) }))).toBe('EnforcedPause()')
    expect(failure(await client.sendFlow('unpause', [], { from: OWNER }))).toBe('success')
    expect(failure(await client.sendFlow('unpause', [], { from: OWNER }))).toBe('ExpectedPause()')
    expect(failure(await client.submit(dataOf([node(1, 0)])))).toBe('success')
  })
})

describe('ownership', () => {
  beforeAll(fresh)

  it('moves in two steps', async () => {
    expect(failure(await client.sendFlow('transferOwnership', [BOB], { from: OWNER }))).toBe('success')
    expect(failure(await client.sendFlow('pause', [], { from: BOB }))).toMatch(/^OwnableUnauthorizedAccount/)
    expect(failure(await client.sendFlow('acceptOwnership', [], { from: ALICE }))).toMatch(/^OwnableUnauthorizedAccount/)
    expect(failure(await client.sendFlow('acceptOwnership', [], { from: BOB }))).toBe('success')
    expect(failure(await client.sendFlow('pause', [], { from: BOB }))).toBe('success')
    expect(failure(await client.sendFlow('unpause', [], { from: OWNER }))).toMatch(/^OwnableUnauthorizedAccount/)
  })

  it('plain transfers to the flow are refused, nothing can get stuck there', async () => {
    expect(failure(await chain.send({ to: FLOW, value: 1n }))).toBe('no data')
    expect(encodeFunctionData({ abi: marketAbi, functionName: 'flow' })).toHaveLength(10)
  })
})
