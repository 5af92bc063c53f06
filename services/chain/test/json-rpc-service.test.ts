import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import type { Client } from '@zerog/ports'
import { JsonRpcServiceDefinition } from '@zerog/proto/chain'
import { defineModule } from '@zerog/runtime'
import { type TestContext, testContext, testWorld } from '@zerog/runtime/testing'
import { z } from 'zod'
import { connectEndpoint } from '../src/adapters/grpc/connect.ts'
import { executeEndpoint } from '../src/adapters/grpc/execute.ts'
import { createJsonRpc } from '../src/adapters/json-rpc/json-rpc.ts'
import { createTestChain, type TestChain } from './support/test-chain.ts'

// Real servers on a machine that may be busy.
jest.setTimeout(300_000)

describe('JsonRpcService', () => {
  const world = testWorld()
  let chain: TestChain
  let service: TestContext<unknown>
  let client: Client<typeof JsonRpcServiceDefinition>
  beforeAll(async () => {
    chain = await createTestChain()
    const module = defineModule({
      target: 'chain-validator',
      dependsOn: [],
      config: z.strictObject({}),
      start: async ({ rpc, clock, logger, meter }) => {
        const limits = { outgoingFramesMax: 50, batchItemsMax: 2_000 }
        const jsonRpc = createJsonRpc({ limits }, { backend: chain, clock, logger, meter })
        rpc.serve(JsonRpcServiceDefinition, {
          execute: executeEndpoint({ jsonRpc, backend: chain }),
          connect: connectEndpoint({ jsonRpc, backend: chain }),
        })
        return { health: () => ({ ready: true, checks: [] }), stop: async () => jsonRpc.close() }
      },
    })
    service = await testContext({ module, world })
    await service.start()
    client = world.rpcAs('gateway').client(JsonRpcServiceDefinition, 'chain-validator')
  })
  afterAll(async () => {
    await service.close()
    await chain.stop()
  })

  const execute = async (body: unknown, minHeight = 0n) => {
    const chunks: Buffer[] = []
    const heights: bigint[] = []
    for await (const { chunk, height } of client.execute({ body: Buffer.from(JSON.stringify(body)), minHeight })) {
      chunks.push(chunk)
      heights.push(height)
    }
    return { text: Buffer.concat(chunks).toString(), chunks, heights }
  }

  test('an answer larger than a message comes in chunks of at most 1 MiB, the height on the first', async () => {
    await chain.mine()
    const item = { jsonrpc: '2.0', method: 'eth_getBlockByNumber', params: ['0x0', false] }
    const { text, chunks, heights } = await execute(Array.from({ length: 1_000 }, (_, id) => ({ ...item, id })))
    expect(JSON.parse(text)).toHaveLength(1_000)
    expect(chunks.length).toBeGreaterThan(1)
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(1024 * 1024)
    expect(heights[0]).toBe(chain.head().header.height)
  })

  test('a body of notifications gets an answer without bytes', async () => {
    const { text, heights } = await execute({ jsonrpc: '2.0', method: 'eth_chainId' })
    expect({ text, heights }).toEqual({ text: '', heights: [chain.head().header.height] })
  })

  test('a height that does not arrive is REPLICA_BEHIND, one that does is waited for', async () => {
    const request = { jsonrpc: '2.0', id: 1, method: 'eth_blockNumber' }
    await expect(execute(request, chain.head().header.height + 10n)).rejects.toMatchObject({ reason: 'REPLICA_BEHIND' })
    const wanted = chain.head().header.height + 1n
    const [{ text }] = await Promise.all([execute(request, wanted), chain.mine()])
    expect(JSON.parse(text).result).toBe(`0x${wanted.toString(16)}`)
  })

  test('a connection carries answers and notifications, and ends with its client', async () => {
    const requests = pushable()
    const frames = client.connect(requests)[Symbol.asyncIterator]()
    requests.push({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params: ['finalizedHeads'] })
    const { result: subscription } = await next(frames)
    const block = await chain.mine()
    const announced = await frames.next()
    expect(announced.value.height).toBe(block.header.height)
    expect(JSON.parse(announced.value.frame.toString()).params).toMatchObject({ subscription, result: { hash: block.hash } })
    requests.push({ jsonrpc: '2.0', id: 2, method: 'eth_unsubscribe', params: [subscription] })
    expect(await next(frames)).toMatchObject({ id: 2, result: true })
    requests.push({ jsonrpc: '2.0', id: 3, method: 'eth_unsubscribe', params: [subscription] })
    expect(await next(frames)).toMatchObject({ id: 3, error: { code: -32000, message: 'subscription not found' } })
    requests.push({ jsonrpc: '2.0', id: 4, method: 'eth_subscribe', params: ['newFoo'] })
    expect(await next(frames)).toMatchObject({ error: { code: -32601, message: 'no "newFoo" subscription in eth namespace' } })
    requests.end()
    expect((await frames.next()).done).toBe(true)
  })

  test('subscriptions do not exist over HTTP', async () => {
    const { text } = await execute({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params: ['newHeads'] })
    expect(JSON.parse(text).error).toEqual({ code: -32601, message: 'notifications not supported' })
  })

  test('a client that does not read is dropped with the reason, and nobody else notices', async () => {
    const requests = pushable()
    const frames = client.connect(requests)[Symbol.asyncIterator]()
    requests.push({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params: ['newHeads'] })
    await next(frames)
    for (let count = 0; count < 200; count++) await chain.mine()
    const reading = (async () => {
      while (!(await frames.next()).done);
    })()
    await expect(reading).rejects.toMatchObject({ reason: 'QUEUE_FULL' })
    requests.end()
    expect(JSON.parse((await execute({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber' })).text).result).toBe(
      `0x${chain.head().header.height.toString(16)}`,
    )
  })

  test('only the gateway and developers may call', async () => {
    const stranger = world.rpcAs('storage-node').client(JsonRpcServiceDefinition, 'chain-validator')
    const call = (async () => {
      for await (const _chunk of stranger.execute({ body: Buffer.from('{}'), minHeight: 0n }));
    })()
    await expect(call).rejects.toMatchObject({ reason: 'IDENTITY_NOT_ALLOWED' })
  })
})

async function next(frames: AsyncIterator<{ readonly frame: Buffer }>): Promise<any> {
  const { value } = await frames.next()
  return JSON.parse(value.frame.toString())
}

/** A request stream that the test feeds. */
function pushable() {
  const waiting: { frame: Buffer; minHeight: bigint }[] = []
  let wake = () => {}
  let ended = false
  return {
    push(request: unknown) {
      waiting.push({ frame: Buffer.from(JSON.stringify(request)), minHeight: 0n })
      wake()
    },
    end() {
      ended = true
      wake()
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const request = waiting.shift()
        if (request !== undefined) yield request
        else if (ended) return
        else
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
    },
  }
}
