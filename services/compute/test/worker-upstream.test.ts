import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Client } from '@zerog/ports'
import { type GenerateRequest, type GenerateResponse, WorkerServiceDefinition } from '@zerog/proto/compute'
import { type TestContext, testContext, testWorld } from '@zerog/runtime/testing'
import { computeWorkerModule } from '../src/module.ts'
import { type Behaviour, event, json, streamOf, type TestUpstream, testUpstream } from './support/upstream.ts'

let upstream: TestUpstream
let running: TestContext<unknown> | undefined
let worker: Client<WorkerServiceDefinition>

beforeEach(async () => {
  upstream = await testUpstream()
})
afterEach(async () => {
  await running?.close()
  running = undefined
  await upstream.close()
})

async function start(options: { readonly entry?: object; readonly config?: object } = {}) {
  const entry = {
    engine: 'upstream',
    id: 'm',
    url: upstream.url,
    completions: true,
    embeddings: true,
    logprobs: true,
    ...options.entry,
  }
  const world = testWorld()
  running = await testContext({ module: computeWorkerModule, world, config: { models: [entry as never], ...options.config } })
  await running.start()
  worker = world.rpcAs('compute-broker').client(WorkerServiceDefinition, 'compute-worker')
  return world
}

function ask(fields: Partial<GenerateRequest> = {}): GenerateRequest {
  return {
    model: 'm',
    input: { $case: 'chat', value: { messages: [{ role: 'user', content: 'one two three' }] } },
    maxTokens: 50,
    stop: [],
    sampling: { temperatureMilli: 0, topPMilli: 0, topK: 0, seed: 7n },
    topLogprobs: 0,
    withLogprobs: false,
    account: Buffer.alloc(20, 1),
    withTrace: false,
    upstreamFieldsJson: '',
    ...fields,
  }
}

async function collect(answer: AsyncIterable<GenerateResponse>) {
  const events: GenerateResponse[] = []
  for await (const one of answer) events.push(one)
  return { events, text: events.map(({ text }) => text).join(''), last: events.at(-1) as GenerateResponse }
}

describe('an upstream', () => {
  test.each([[true], [false]])('answers, streaming %s', async (stream) => {
    await start({ entry: { stream, upstreamModel: 'real' } })
    const { text, last } = await collect(worker.generate(ask()))
    expect(text).toBe('one two three')
    expect(last).toMatchObject({ finishReason: 1, usage: { promptTokens: 3, completionTokens: 3 } })
    expect(upstream.requests[0]).toMatchObject({
      path: '/v1/chat/completions',
      body: { model: 'real', stream, seed: 7, max_tokens: 50 },
    })
    const { models } = await worker.listModels({})
    expect(models).toMatchObject([{ id: 'm', engine: 3, chat: true, reExecutable: false, contextTokens: 8192 }])
  })

  test('gets tools as they came, and its tool calls come back as they came', async () => {
    await start()
    const call = { tool_calls: [{ index: 0, id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }] }
    upstream.behave(
      streamOf([{ role: 'assistant', content: null, ...call }], {
        finish: 'tool_calls',
        usage: { prompt_tokens: 4, completion_tokens: 2 },
      }),
    )
    const tools = [{ type: 'function', function: { name: 'f', parameters: {} } }]
    const { events, last } = await collect(worker.generate(ask({ upstreamFieldsJson: JSON.stringify({ tools }) })))
    expect(upstream.requests[0]?.body.tools).toEqual(tools)
    expect(JSON.parse(events[0]?.upstreamDeltaJson ?? '')).toEqual(call)
    expect(last.finishReason).toBe(3)
  })

  test('gives log probabilities', async () => {
    await start()
    const entry = { token: 'hi', logprob: -0.5, bytes: [104, 105], top_logprobs: [{ token: 'ho', logprob: -1, bytes: null }] }
    upstream.behave(
      streamOf([{ content: 'hi' }], { logprobs: [{ content: [entry] }], usage: { prompt_tokens: 1, completion_tokens: 1 } }),
    )
    const { events } = await collect(worker.generate(ask({ withLogprobs: true, topLogprobs: 1 })))
    expect(events[0]?.logprobs).toMatchObject([{ logprobMicro: -500_000n, top: [{ logprobMicro: -1_000_000n }] }])
    expect(upstream.requests[0]?.body).toMatchObject({ logprobs: true, top_logprobs: 1 })
  })

  test('that lies about usage is not believed beyond what can be', async () => {
    await start()
    upstream.behave(streamOf([{ content: 'a' }], { usage: { prompt_tokens: 1_000_000, completion_tokens: 1_000_000 } }))
    const { last } = await collect(worker.generate(ask()))
    expect(last.usage?.completionTokens).toBe(50)
    expect(last.usage?.promptTokens).toBe(64 + 16 + 'one two three'.length)
  })

  test.each([
    [undefined],
    [{ prompt_tokens: -1, completion_tokens: 2 }],
    [{ prompt_tokens: 0.5, completion_tokens: 2 }],
    ['many'],
  ])('whose usage is %j is billed for what was seen', async (usage) => {
    await start()
    upstream.behave(streamOf([{ content: 'a' }, { content: 'b' }], { usage }))
    expect((await collect(worker.generate(ask()))).last.usage).toMatchObject({ promptTokens: 4, completionTokens: 2 })
  })

  const broken: readonly (readonly [string, Behaviour])[] = [
    ['ends without a finish', streamOf([{ content: 'a' }], { finish: null, done: false })],
    ['says it is done without a finish', streamOf([{ content: 'a' }], { finish: null })],
    [
      'sends no JSON',
      (_body, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {"a\n\n'),
    ],
    [
      'sends an error in the stream',
      (_body, response) =>
        void response
          .writeHead(200, { 'content-type': 'text/event-stream' })
          .end('data: {"error":{"message":"gpu on fire"}}\n\n'),
    ],
    [
      'sends an endless line',
      (_body, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end('x'.repeat(2_000_000)),
    ],
    [
      'cuts the connection',
      (_body, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(event({ choices: [{ delta: { content: 'a' } }] }), () => response.destroy())
      },
    ],
    ['answers 500', (_body, response) => json(response, 500, { error: { message: 'secret stack' } })],
    ['answers HTML', (_body, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')],
    ['redirects', (_body, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
  ]
  test.each(broken)('that %s is an outage, and the next answer is fine again', async (_name, behaviour) => {
    await start()
    upstream.behave(behaviour)
    await expect(collect(worker.generate(ask()))).rejects.toMatchObject({ status: 'UNAVAILABLE' })
    upstream.behave((await import('./support/upstream.ts')).echo)
    expect((await collect(worker.generate(ask()))).text).toBe('one two three')
  })

  test('that hangs is given up in time, before the first byte and between two', async () => {
    await start({ config: { upstreamFirstByteMs: 100, upstreamIdleMs: 100 } })
    upstream.behave(() => {})
    await expect(collect(worker.generate(ask()))).rejects.toMatchObject({ status: 'DEADLINE_EXCEEDED' })
    upstream.behave((_body, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(event({ choices: [{ delta: { content: 'a' } }] }))
    })
    await expect(collect(worker.generate(ask()))).rejects.toMatchObject({ status: 'DEADLINE_EXCEEDED' })
  })

  test('refuses in the words of the caller, and its own trouble is not theirs', async () => {
    await start()
    upstream.behave((_body, response) =>
      json(response, 400, { error: { message: 'too hot', param: 'temperature', code: 'bad' } }),
    )
    await expect(collect(worker.generate(ask()))).rejects.toMatchObject({
      status: 'INVALID_ARGUMENT',
      metadata: { param: 'temperature' },
    })
    upstream.behave((_body, response) => json(response, 429, {}, { 'retry-after': '3' }))
    await expect(collect(worker.generate(ask()))).rejects.toMatchObject({ reason: 'RATE_LIMITED', retryAfterMs: 3000 })
    upstream.behave((_body, response) => json(response, 401, { error: { message: 'bad key sk-secret' } }))
    const failure = await collect(worker.generate(ask())).catch((error) => error)
    expect(failure).toMatchObject({ status: 'UNAVAILABLE' })
    expect(failure.message).not.toContain('secret')
  })

  test('is told when the caller goes away', async () => {
    await start()
    const begun = Promise.withResolvers<void>()
    upstream.behave((_body, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(event({ choices: [{ delta: { content: 'a' } }] }), () => begun.resolve())
    })
    const gone = new AbortController()
    const reading = collect(worker.generate(ask(), { signal: gone.signal }))
    await begun.promise
    gone.abort()
    await expect(reading).rejects.toMatchObject({ reason: 'CANCELLED' })
    while (upstream.abandoned() === 0) await new Promise((resolve) => setImmediate(resolve))
  })

  test('gives embeddings, and not more or fewer than asked for', async () => {
    await start()
    upstream.behave((body, response) =>
      json(response, 200, {
        data: body.input.map((_: string, index: number) => ({ index, embedding: [1, 0.5] })),
        usage: { prompt_tokens: 3 },
      }),
    )
    const request = { model: 'm', inputs: ['a', 'b'], account: Buffer.alloc(20) }
    expect(await worker.embed(request)).toMatchObject({
      embeddings: [{ values: [1, 0.5] }, { values: [1, 0.5] }],
      usage: { promptTokens: 3 },
    })
    upstream.behave((_body, response) => json(response, 200, { data: [{ embedding: [1] }] }))
    await expect(worker.embed(request, { retriesMax: 0 })).rejects.toMatchObject({ status: 'UNAVAILABLE' })
  })
})

describe('a busy worker', () => {
  test('lets accounts in fairly and refuses what has no room in the queue', async () => {
    await start({ entry: { slots: 1 }, config: { waitingPerAccountMax: 3, waitingMax: 5, quantumTokens: 4 } })
    const release = Promise.withResolvers<void>()
    const order: string[] = []
    upstream.behave(async (body, response, request) => {
      order.push(body.messages[0].content)
      await release.promise
      await (await import('./support/upstream.ts')).echo(body, response, request)
    })
    const from = (account: number, content: string) =>
      collect(
        worker.generate(
          ask({ account: Buffer.alloc(20, account), input: { $case: 'chat', value: { messages: [{ role: 'user', content }] } } }),
        ),
      )
    const first = from(1, 'first')
    while (order.length === 0) await new Promise((resolve) => setImmediate(resolve))
    const waiting = [from(1, 'a1'), from(1, 'a2'), from(1, 'a3')]
    await expect(from(1, 'a4')).rejects.toMatchObject({ reason: 'QUEUE_FULL' })
    waiting.push(from(2, 'b1'), from(2, 'b2'))
    await expect(from(3, 'c1')).rejects.toMatchObject({ reason: 'QUEUE_FULL' })
    release.resolve()
    await Promise.all([first, ...waiting])
    expect(order.indexOf('b1')).toBeLessThan(order.indexOf('a3'))
  })
})

describe('a worker without models', () => {
  test('is ready, lists none and says so', async () => {
    const world = testWorld()
    running = await testContext({ module: computeWorkerModule, world, config: { models: [] } })
    const { health } = await running.start()
    worker = world.rpcAs('compute-broker').client(WorkerServiceDefinition, 'compute-worker')
    expect(await worker.listModels({})).toEqual({ models: [] })
    expect(await health()).toMatchObject({ ready: true, checks: [{ name: 'models', detail: 'no model is loaded' }] })
    await expect(collect(worker.generate(ask()))).rejects.toMatchObject({
      status: 'NOT_FOUND',
      metadata: { code: 'model_not_found' },
    })
  })

  test('serves nobody but brokers, auditors and developers', async () => {
    const world = await start()
    const stranger = world.rpcAs('gateway').client(WorkerServiceDefinition, 'compute-worker')
    await expect(stranger.listModels({})).rejects.toMatchObject({ reason: 'IDENTITY_NOT_ALLOWED' })
  })
})
