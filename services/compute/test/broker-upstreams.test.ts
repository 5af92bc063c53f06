import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type BrokerInstallation, bearer, brokerInstallation, eventually } from './support/broker-installation.ts'
import { fund } from './support/chain.ts'
import { echo, json, type TestUpstream, testUpstream } from './support/upstream.ts'

// A broker that asks an upstream itself, without a worker between; the worker of the network stands beside it.

const USER = 1
let upstream: TestUpstream
let installation: BrokerInstallation
let token: string

beforeAll(async () => {
  upstream = await testUpstream()
  installation = await brokerInstallation({
    config: {
      prices: { up: { inputPriceWei: '1000', outputPriceWei: '3000' } },
      upstreams: [{ engine: 'upstream', id: 'up', url: upstream.url, upstreamModel: 'real', logprobs: true }],
      upstreamFirstByteMs: 2000,
    },
  })
  await eventually(async () => (await models()).length === 2)
  await fund(installation.chain, USER, installation.provider)
  token = await bearer(USER, installation.provider)
})
afterAll(async () => {
  await installation?.close()
  await upstream?.close()
})

async function models(): Promise<string[]> {
  const { data } = (await (await fetch(`${installation.url()}/v1/models`)).json()) as { data: { id: string }[] }
  return data.map(({ id }) => id)
}

function chat(content: string, more: object = {}, signal: AbortSignal | null = null): Promise<Response> {
  return fetch(`${installation.url()}/v1/proxy/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: token },
    body: JSON.stringify({ model: 'up', messages: [{ role: 'user', content }], ...more }),
    signal,
  })
}

test('both are sold', async () => {
  expect((await models()).sort()).toEqual(['mock-model', 'up'])
  expect((await (await chat('x', { model: 'mock-model' })).json()) as object).toMatchObject({ model: 'mock-model' })
})

test.each([[false], [true]])('an answer of the upstream is billed by the usage that it names, streamed: %s', async (stream) => {
  const response = await chat('one two three', { stream, stream_options: stream ? { include_usage: true } : undefined })
  const text = await response.text()
  expect(response.status).toBe(200)
  expect(text).toContain('"prompt_tokens":3')
  const id = response.headers.get('zg-res-key') as string
  const stored = await eventually(async () => installation.repository.receipt(id))
  expect(stored).toMatchObject({ kind: 'final', model: 'up' })
  expect(stored.receipt).toMatchObject({ promptTokens: 3n, completionTokens: 3n, fee: 3n * 1000n + 3n * 3000n, mode: 1 })
  expect(upstream.requests.at(-1)).toMatchObject({ path: '/v1/chat/completions', body: { model: 'real' } })
})

test('answers one after the other share a connection', async () => {
  const ports = new Set<number | undefined>()
  upstream.behave((_body, response, request) => {
    ports.add(request.socket.remotePort)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
    // Some servers take a moment from the last event to the end of the response.
    setTimeout(() => response.end(), 5)
  })
  const ids: string[] = []
  for (let index = 0; index < 10; index++) {
    const response = await chat('x', { stream: index % 2 === 0 })
    ids.push(response.headers.get('zg-res-key') as string)
    expect(await response.text()).toContain('x')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  upstream.behave(echo)
  expect(ports.size).toBeLessThanOrEqual(2)
  // Their fees count a moment after their last bytes, and the next test compares sums.
  for (const id of ids) await eventually(async () => (await installation.repository.receipt(id))?.state !== 'pending')
})

test('an upstream that fails is a 503 without a fee, and a client that leaves is left by us too', async () => {
  upstream.behave((_body, response) => json(response, 500, { error: { message: 'out of order' } }))
  const before = await installation.repository.totals()
  const failed = await chat('x')
  expect(failed.status).toBe(503)
  expect(await failed.json()).toMatchObject({ error: { type: 'server_error' } })

  upstream.behave((_body, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}\n\n')
  })
  const abandoned = upstream.abandoned()
  const controller = new AbortController()
  const response = await chat('x', { stream: true }, controller.signal)
  expect(response.status).toBe(200)
  controller.abort()
  await eventually(async () => upstream.abandoned() > abandoned)
  upstream.behave(echo)
  const after = await installation.repository.totals()
  expect(after.billable + after.inBatches + after.paid).toBe(before.billable + before.inBatches + before.paid)
})
