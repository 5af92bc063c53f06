import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { grpcChainClient } from '@zerog/adapters/chain-client/grpc'
import { systemClock } from '@zerog/adapters/clock/system'
import { cryptoRandom } from '@zerog/adapters/random/crypto'
import type { CallContext, ChainClient, Endpoint, FinalizedBlock } from '@zerog/ports'
import { type Hex, toHex, ZerogError } from '@zerog/primitives'
import { type CallResponse, ChainServiceDefinition, type WatchLogsRequest, WatchLogsResponse } from '@zerog/proto/chain'
import { createHost } from '../src/rpc/host.ts'
import { createInProcessNetwork } from '../src/rpc/in-process.ts'
import { createModuleRpc } from '../src/rpc/module-rpc.ts'
import { testHostDeps } from '../src/rpc/suite.ts'
import { silentLogger } from '../src/telemetry/logger.ts'

jest.setTimeout(30_000)

type Methods = typeof ChainServiceDefinition.methods
type Watch = (request: WatchLogsRequest, context: CallContext) => AsyncIterable<WatchLogsResponse>
const { methods } = ChainServiceDefinition

const hashOf = (height: number) => Buffer.alloc(32, height)
const block = (height: number, changes: Partial<WatchLogsResponse> = {}) =>
  WatchLogsResponse.create({
    height: BigInt(height),
    hash: hashOf(height),
    parentHash: hashOf(height - 1),
    timestampSeconds: 1_700_000_000n + BigInt(height),
    ...changes,
  })

let stop: AbortController
beforeEach(() => {
  stop = new AbortController()
})
afterEach(() => stop.abort())

/** A chain service of the given behaviour, called over the in-process channel. */
function connect(watch: Watch, call: () => CallResponse = () => ({ result: undefined, height: 1n })): ChainClient {
  const network = createInProcessNetwork()
  const host = createHost({ target: 'chain-rpc', instance: 0 }, testHostDeps())
  const allow = ['storage-node']
  const endpoints: { [K in keyof Methods]: Endpoint<Methods[K]> } = {
    getHead: { method: methods.getHead, allow, handle: async () => ({ chainId: 31_337n, height: 9n, hash: hashOf(9) }) },
    watchLogs: { method: methods.watchLogs, allow, handle: watch },
    getCertificate: { method: methods.getCertificate, allow, handle: () => Promise.reject(new Error('nobody asks')) },
    call: { method: methods.call, allow, handle: async () => call() },
    submitTransaction: { method: methods.submitTransaction, allow, handle: async () => ({ transactionHash: hashOf(7) }) },
  }
  host.add(ChainServiceDefinition, endpoints)
  host.open()
  network.add(host)
  const rpc = createModuleRpc({ identity: 'storage-node', network }, testHostDeps())
  const service = rpc.client(ChainServiceDefinition, 'chain-rpc')
  return grpcChainClient({ service, clock: systemClock, random: cryptoRandom, logger: silentLogger })
}

async function take(client: ChainClient, count: number, fromHeight = 1n): Promise<FinalizedBlock[]> {
  const blocks: FinalizedBlock[] = []
  for await (const next of client.watch({ fromHeight, signal: stop.signal })) {
    blocks.push(next)
    if (blocks.length === count) break
  }
  return blocks
}

describe('watching finalized blocks', () => {
  test('goes on with the next height after every kind of interruption, without a gap or a repetition', async () => {
    const asked: number[] = []
    const client = connect(async function* ({ fromHeight }) {
      const from = Number(fromHeight)
      asked.push(from)
      yield block(from)
      if (asked.length === 1) throw new ZerogError('SHUTTING_DOWN', { message: 'restarting' })
      if (asked.length === 2) throw new TypeError('a bug in the service')
      if (asked.length === 3) return
      yield block(from + 1)
    })
    const blocks = await take(client, 5)
    expect(blocks.map(({ height }) => Number(height))).toEqual([1, 2, 3, 4, 5])
    expect(asked).toEqual([1, 2, 3, 4])
  })

  test.each<[string, Watch, string]>([
    [
      'a gap',
      async function* () {
        yield block(1)
        yield block(3)
      },
      'sent block 3 where block 2 follows',
    ],
    [
      'a repetition',
      async function* () {
        yield block(1)
        yield block(1)
      },
      'sent block 1 where block 2 follows',
    ],
    [
      'another first block',
      async function* () {
        yield block(2)
      },
      'sent block 2 where block 1 follows',
    ],
    [
      'a block of another chain',
      async function* () {
        yield block(1)
        yield block(2, { parentHash: hashOf(99) })
      },
      'this is another chain',
    ],
    [
      'a short hash',
      async function* () {
        yield block(1, { hash: Buffer.alloc(31) })
      },
      'a block hash of 31 bytes',
    ],
  ])('ends at %s', async (_name, watch, message) => {
    await expect(take(connect(watch), 5)).rejects.toMatchObject({
      reason: 'VERIFICATION_FAILED',
      message: expect.stringContaining(message),
    })
  })

  test('checks the link also across a reconnect', async () => {
    let calls = 0
    const client = connect(async function* ({ fromHeight }) {
      calls++
      yield block(Number(fromHeight), calls === 1 ? {} : { parentHash: hashOf(50) })
    })
    await expect(take(client, 3)).rejects.toMatchObject({ reason: 'VERIFICATION_FAILED' })
  })

  test('does not repeat what cannot succeed', async () => {
    const client = connect(async function* () {
      yield* []
      throw new ZerogError('INVALID_ARGUMENT', { message: 'more than 1,000 addresses' })
    })
    await expect(take(client, 1)).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' })
  })

  test('ends quietly when the signal aborts, while it waits and while it rests', async () => {
    const waiting = connect(async function* ({ fromHeight }, { signal }) {
      yield block(Number(fromHeight))
      stop.abort()
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    })
    expect(await take(waiting, 5)).toHaveLength(1)
  })

  test('sends the filter and reads the logs', async () => {
    const seen: WatchLogsRequest[] = []
    const address = Buffer.alloc(20, 5)
    const log = {
      address,
      topics: [hashOf(1), hashOf(2)],
      data: Buffer.from([1, 2]),
      logIndex: 3,
      transactionHash: hashOf(8),
      transactionIndex: 4,
      transactionFrom: Buffer.alloc(20, 6),
    }
    const client = connect(async function* (request) {
      seen.push(request)
      yield block(1, { logs: [log] })
    })
    const topic = toHex(hashOf(1))
    const filter = { addresses: [toHex(address)], topics: [topic, null, [topic, topic]] }
    for await (const { logs } of client.watch({ fromHeight: 1n, filter, signal: stop.signal })) {
      expect(logs).toEqual([
        {
          address: toHex(address),
          topics: [toHex(hashOf(1)), toHex(hashOf(2))],
          data: '0x0102',
          logIndex: 3,
          transactionHash: toHex(hashOf(8)),
          transactionIndex: 4,
          transactionFrom: toHex(Buffer.alloc(20, 6)),
        },
      ])
      break
    }
    expect(seen[0]?.filter?.topics.map(({ anyOf }) => anyOf.length)).toEqual([1, 0, 2])
  })
})

describe('calls', () => {
  const nothing: Watch = async function* () {}
  const to = toHex(Buffer.alloc(20, 1))

  test('answer head, output and hash', async () => {
    const client = connect(nothing, () => ({ result: { $case: 'output', value: Buffer.from([9]) }, height: 9n }))
    expect(await client.head()).toEqual({ height: 9n, hash: toHex(hashOf(9)) })
    expect(await client.chainId()).toBe(31_337n)
    expect(await client.call({ to, data: '0x' })).toBe('0x09')
    expect(await client.sendRawTransaction('0x02')).toBe(toHex(hashOf(7)))
  })

  test('that revert throw the data, with the words of Error(string)', async () => {
    const words = Buffer.from('not enough stake')
    const head = Buffer.from(`08c379a0${'20'.padStart(64, '0')}${words.length.toString(16).padStart(64, '0')}`, 'hex')
    const reasons: [Buffer, string][] = [
      [Buffer.concat([head, words, Buffer.alloc(16)]), 'execution reverted: not enough stake'],
      [Buffer.from('deadbeef', 'hex'), 'execution reverted'],
      [head.fill(255, 36, 68), 'execution reverted'],
    ]
    for (const [value, message] of reasons) {
      const client = connect(nothing, () => ({ result: { $case: 'revertData', value }, height: 9n }))
      await expect(client.call({ to, data: '0x' })).rejects.toMatchObject({
        reason: 'TRANSACTION_REFUSED',
        message,
        metadata: { data: toHex(value) as Hex },
      })
    }
  })
})
