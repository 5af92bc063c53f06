import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { chat, createZerogClient, verifyAnswer } from '@zerog/sdk'
import OpenAI from 'openai'
import { eventually } from './support/broker-installation.ts'
import { ADMIN, auth, KEY, type RouterInstallation, routerInstallation } from './support/router-installation.ts'

let running: RouterInstallation
let client: OpenAI

beforeAll(async () => {
  running = await routerInstallation()
  client = running.client()
})
afterAll(() => running.close())

const messages = (content: string) => [{ role: 'user' as const, content }]
const ask = (content: string) => ({ model: 'mock-model', messages: messages(content) })

/** A request as bytes, for what the official client hides. */
async function raw(body: unknown, headers: Record<string, string> = {}, path = '/v1/chat/completions') {
  const init = { method: 'POST', headers: { ...auth(KEY).headers, ...headers }, body: JSON.stringify(body) }
  const response = await fetch(running.url() + path, init)
  return { response, text: await response.text() }
}

describe("OpenAI's official client", () => {
  test('lists models and reads one', async () => {
    const { data } = await client.models.list()
    expect(data).toMatchObject([{ id: 'mock-model', object: 'model', pricing: { prompt_wei: '1000', completion_wei: '3000' } }])
    expect(await client.models.retrieve('mock-model')).toMatchObject({ id: 'mock-model' })
    await expect(client.models.retrieve('none')).rejects.toBeInstanceOf(OpenAI.NotFoundError)
  })

  test('chats, and the answer says what it cost', async () => {
    const { data, response } = await client.chat.completions.create(ask('hello there')).withResponse()
    expect(data.choices[0]?.message.content).toBe('mock says: hello there')
    expect(data.usage).toMatchObject({ prompt_tokens: 2, completion_tokens: 4 })
    expect(response.headers.get('x-zerog-cost-wei')).toBe(String(2n * 1000n + 4n * 3000n))
    expect(response.headers.get('x-request-id')).toMatch(/./)
    const id = response.headers.get('x-zerog-receipt-id')
    const receipt = await eventually(async () => {
      const answer = await fetch(`${running.url()}/v1/zerog/receipts/${id}`, auth(KEY))
      const json = (await answer.json()) as { state: string; cost_wei: string; receipt: string }
      return json.state === 'acked' ? json : undefined
    })
    expect(receipt).toMatchObject({ cost_wei: '14000', receipt: expect.stringMatching(/^0x[0-9a-f]{758}$/) })
  })

  test('streams with usage, and the receipt follows', async () => {
    const stream = await client.chat.completions.create({
      ...ask('one two'),
      stream: true,
      stream_options: { include_usage: true },
    })
    let text = ''
    let usage: unknown
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? ''
      usage = chunk.usage ?? usage
    }
    expect(text).toBe('mock says: one two')
    expect(usage).toMatchObject({ prompt_tokens: 2, completion_tokens: 4 })
  })

  test('a receipt comes behind its stream, so nobody asks for it', async () => {
    const { repository } = running.broker
    const { receipt } = repository
    let asked = 0
    repository.receipt = (id) => {
      asked++
      return receipt(id)
    }
    try {
      const { data, response } = await client.chat.completions.create({ ...ask('a b'), stream: true }).withResponse()
      for await (const _ of data);
      const id = response.headers.get('x-zerog-receipt-id') ?? ''
      await eventually(async () => (await running.books.spend(id))?.state === 'acked')
    } finally {
      repository.receipt = receipt
    }
    expect(asked).toBe(0)
  })

  test('completes, embeds, takes n, stop and log probabilities where the engine does', async () => {
    const completion = await client.completions.create({ model: 'mock-model', prompt: 'go', max_tokens: 2 })
    expect(completion.choices[0]).toMatchObject({ text: 'mock says:', finish_reason: 'length' })
    const embedding = await client.embeddings.create({ model: 'mock-model', input: ['abc', 'de'], encoding_format: 'float' })
    expect(embedding.data.map(({ embedding: vector }) => vector)).toEqual([
      [3, 0.5],
      [2, 0.5],
    ])
    const many = await client.chat.completions.create({ ...ask('x'), n: 3, logprobs: true, top_logprobs: 0 })
    expect(many.choices).toHaveLength(3)
    expect(many.choices[0]?.logprobs?.content).toHaveLength(3)
  })

  test('gets its own error classes', async () => {
    const wrong = running.client({ apiKey: `sk-zerog-${'x'.repeat(43)}` })
    await expect(wrong.chat.completions.create(ask('x'))).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
    await expect(client.chat.completions.create({ ...ask('x'), model: 'none' })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
      param: 'model',
    })
    await expect(client.chat.completions.create({ ...ask('x'), temperature: 7 })).rejects.toMatchObject({
      status: 400,
      param: 'temperature',
      type: 'invalid_request_error',
    })
    const { response, text } = await raw('{', {}, '/v1/nothing')
    expect(response.status).toBe(404)
    expect(JSON.parse(text).error.code).toBe('unknown_url')
    const huge = await raw({ ...ask('x'), padding: 'x'.repeat(5_000_000) }).catch(() => undefined)
    if (huge !== undefined) expect(huge.response.status).toBe(413)
  })

  test('aborts a stream: the worker stops and only what was produced is billed', async () => {
    const { worker } = running.broker
    worker.tokenMs = 5
    const before = worker.cancelled
    const controller = new AbortController()
    const words = Array.from({ length: 400 }, (_, index) => `w${index}`).join(' ')
    const { data: stream, response } = await client.chat.completions
      .create({ ...ask(words), stream: true }, { signal: controller.signal })
      .withResponse()
    let count = 0
    for await (const _chunk of stream) if (++count === 80) controller.abort()
    await eventually(async () => worker.cancelled > before)
    worker.tokenMs = 0
    const id = response.headers.get('x-zerog-receipt-id')
    const spend = await eventually(async () => {
      const found = await running.books.spend(id ?? '')
      return found?.state === 'acked' || found?.state === 'void' ? found : undefined
    })
    expect(spend.state).toBe('acked')
    expect(spend.completionTokens).toBeGreaterThanOrEqual(32)
    expect(spend.completionTokens).toBeLessThan(200)
  })

  test('holds fifty streams at once, and none waits for the others to end', async () => {
    const { worker } = running.broker
    worker.tokenMs = 2
    const firsts: number[] = []
    const ends: number[] = []
    await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const stream = await client.chat.completions.create({
          ...ask(`number ${index} ${'and so on '.repeat(10)}`),
          stream: true,
        })
        let text = ''
        for await (const chunk of stream) {
          if (text === '') firsts.push(performance.now())
          text += chunk.choices[0]?.delta.content ?? ''
        }
        ends.push(performance.now())
        expect(text).toContain(`number ${index} `)
      }),
    )
    worker.tokenMs = 0
    expect(Math.max(...firsts)).toBeLessThan(Math.max(...ends))
    expect(firsts.filter((first) => first < Math.min(...ends)).length).toBeGreaterThan(40)
  })
})

test('clients that vanish at any moment of a stream pay exactly what was checkpointed, and no more than was made', async () => {
  const { worker } = running.broker
  worker.tokenMs = 2
  const content = Array.from({ length: 150 }, (_, index) => `w${index}`).join(' ')
  const left = await Promise.all(
    Array.from({ length: 24 }, async (_, index) => {
      const controller = new AbortController()
      const { data: stream, response } = await client.chat.completions
        .create({ ...ask(content), stream: true }, { signal: controller.signal })
        .withResponse()
      let chunks = 0
      for await (const _chunk of stream) if (++chunks > index * 6) controller.abort()
      return { id: response.headers.get('x-zerog-receipt-id') as string, chunks }
    }),
  )
  worker.tokenMs = 0
  for (const { id, chunks } of left) {
    const spend = await eventually(async () => {
      const found = await running.books.spend(id)
      return found?.state === 'acked' || found?.state === 'void' ? found : undefined
    })
    const { state, cost, promptTokens, completionTokens } = spend
    if (state === 'void') {
      expect({ cost, few: chunks < 100 }).toEqual({ cost: 0n, few: true })
      continue
    }
    // A checkpoint stands at every 32nd token; a client that left after the last word may have got the whole answer.
    expect(completionTokens % 32 === 0 || completionTokens === 152).toBe(true)
    expect(completionTokens).toBeGreaterThan(chunks - 2 - 2 * 32)
    expect(cost).toBe(BigInt(promptTokens) * 1000n + BigInt(completionTokens) * 3000n)
    expect(promptTokens).toBe(150)
    const stored = await running.broker.repository.receipt(id)
    expect({ fee: stored?.receipt.fee, kind: stored?.kind }).toEqual({
      fee: cost,
      kind: completionTokens === 152 ? 'final' : 'checkpoint',
    })
  }
})

describe('an Idempotency-Key', () => {
  test('gives the stored answer again, byte by byte, and bills once', async () => {
    const key = { 'idempotency-key': 'once' }
    const before = running.broker.worker.generated.length
    const first = await raw(ask('only once'), key)
    const again = await raw(ask('only once'), key)
    expect(again.text).toBe(first.text)
    expect(again.response.headers.get('idempotent-replayed')).toBe('true')
    expect(again.response.headers.get('x-zerog-receipt-id')).toBe(first.response.headers.get('x-zerog-receipt-id'))
    expect(running.broker.worker.generated.length).toBe(before + 1)
    expect((await raw(ask('something else'), key)).response.status).toBe(422)
  })

  test('answers 409 while the first runs, and replays streams too', async () => {
    running.broker.worker.tokenMs = 20
    const key = { 'idempotency-key': 'stream' }
    // Long enough for the second request on a slow machine; it goes on at full speed when that was seen.
    const long = ask(Array.from({ length: 500 }, (_, index) => `w${index}`).join(' '))
    const { generated } = running.broker.worker
    const begun = generated.length
    const first = raw({ ...long, stream: true }, key)
    // Connections overtake each other: what is sent first need not arrive first.
    await eventually(async () => generated.length > begun)
    await eventually(async () => (await raw({ ...long, stream: true }, key)).response.status === 409)
    running.broker.worker.tokenMs = 0
    const { text } = await first
    const again = await eventually(async () => {
      const answer = await raw({ ...long, stream: true }, key)
      return answer.response.status === 200 ? answer : undefined
    })
    expect(again.text).toBe(text)
    expect(again.response.headers.get('content-type')).toMatch('text/event-stream')
  })

  test('of a request that failed may be used again', async () => {
    const key = { 'idempotency-key': 'failed' }
    expect((await raw({ ...ask('x'), model: 'none' }, key)).response.status).toBe(404)
    expect((await raw(ask('x'), key)).response.status).toBe(200)
  })
})

describe('virtual keys', () => {
  test('are managed by the administrator alone, shown once and revoked at once', async () => {
    const refused = await fetch(`${running.url()}/v1/zerog/keys`, { method: 'POST', ...auth(KEY), body: '{}' })
    expect(refused.status).toBe(401)
    const { id, key } = await running.createKey({ name: 'mine' })
    const listed = await (await fetch(`${running.url()}/v1/zerog/keys`, auth(ADMIN))).text()
    expect(listed).toContain(id)
    expect(listed).not.toContain(key)
    const mine = running.client({ apiKey: key })
    await mine.chat.completions.create(ask('x'))
    await fetch(`${running.url()}/v1/zerog/keys/${id}`, { method: 'POST', ...auth(ADMIN), body: '{"revoked":true}' })
    await expect(mine.chat.completions.create(ask('x'))).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
  })

  test('have budgets that hundreds of concurrent requests cannot overspend', async () => {
    const one = 1000n * BigInt(JSON.stringify({ ...ask('x'), max_tokens: 3 }).length + 16 + 64) + 3n * 3000n
    const { id, key } = await running.createKey({ budget_wei: String(one * 5n) })
    const mine = running.client({ apiKey: key })
    const outcomes = await Promise.allSettled(
      Array.from({ length: 200 }, () => mine.chat.completions.create({ ...ask('x'), max_tokens: 3 })),
    )
    const failures = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason)
    for (const failure of failures) expect(failure).toMatchObject({ status: 429, code: 'insufficient_quota' })
    const served = outcomes.length - failures.length
    expect(served).toBeGreaterThanOrEqual(5)
    // An answer does not wait until it is written down.
    const cost = BigInt(served) * (1000n + 3n * 3000n)
    const recordOf = async () => (await running.books.keys(100)).find((known) => known.id === id)
    await eventually(async () => ((await recordOf())?.spent ?? 0n) >= cost)
    await running.agreed()
    const record = await recordOf()
    expect(record?.spent).toBe(cost)
    expect(record?.spent).toBeLessThanOrEqual(record?.budget ?? 0n)
  })

  test('have limits per minute, told in headers', async () => {
    const { key } = await running.createKey({ requests_per_minute: 2 })
    const mine = running.client({ apiKey: key })
    const { response } = await mine.chat.completions.create(ask('x')).withResponse()
    expect(response.headers.get('x-ratelimit-limit-requests')).toBe('2')
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => mine.chat.completions.create(ask('x'))))
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    expect(refused.length).toBeGreaterThanOrEqual(1)
    expect(refused[0]).toBeInstanceOf(OpenAI.RateLimitError)
    expect(Number(refused[0].headers.get('retry-after'))).toBeGreaterThan(0)
  })
})

describe('the strict client of the SDK', () => {
  const sdk = () => {
    const endpoints = { rpcUrl: 'http://127.0.0.1:1', nodeUrl: '', indexerUrl: '', gatewayUrl: running.url() }
    const transport = {
      request: (_face: string, { method, params }: { method: string; params?: readonly unknown[] }) =>
        running.broker.chain.rpc(method, params ?? []),
    }
    return createZerogClient({ endpoints, transport: transport as never }) // only JSON-RPC is used here
  }
  const price = { promptWei: 1000n, completionWei: 3000n }

  test.each([[false], [true]])(
    'shows that an answer is what its receipt says (streamed: %s), and finds a changed byte',
    async (stream) => {
      const context = sdk()
      let shown = ''
      const onText = (text: string) => {
        shown += text
      }
      const options = { apiKey: KEY, ...(stream ? { onText } : {}) }
      const answer = await chat(context, { model: 'mock-model', messages: [{ role: 'user', content: 'strict' }] }, options)
      expect(answer.text).toBe('mock says: strict')
      if (stream) expect(shown).toBe(answer.text)
      const { checks, receipt } = await verifyAnswer(context, answer, { apiKey: KEY, price })
      expect(checks).toEqual(['request', 'response', 'order', 'provider', 'usage', 'signature', 'signer', 'fee'])
      const forged = async (change: Partial<typeof answer>, more: object = {}) =>
        verifyAnswer(context, { ...answer, ...change }, { apiKey: KEY, price, ...more }).catch((error) => error.metadata.check)
      expect(await forged({ requestBytes: new Uint8Array([...answer.requestBytes, 32]) })).toBe('request')
      const changed = answer.responseBytes.slice()
      changed[changed.length - 20] = (changed[changed.length - 20] ?? 0) ^ 1
      expect(await forged({ responseBytes: changed })).toBe('response')
      expect(await forged({ provider: `0x${'12'.repeat(20)}` })).toBe('provider')
      expect(await forged({}, { price: { promptWei: 999n, completionWei: 3000n } })).toBe('fee')
      expect(await forged({ costWei: receipt.fee + 1n })).toBe('fee')
      expect(await forged({}, { modelRoot: `0x${'13'.repeat(32)}` })).toBe('model')
    },
  )
})

describe('the books', () => {
  test('of router and broker agree to the wei after all this, also after the router was started again', async () => {
    // The router writes its books down while it drains.
    await running.restartRouter()
    const before = await running.agreed()
    expect(before.count).toBeGreaterThan(50)
    client = running.client()
    await client.chat.completions.create(ask('again'))
    const after = await eventually(async () => {
      const now = await running.agreed()
      return now.count > before.count && now
    })
    expect(after.cost - before.cost).toBe(1000n + 3n * 3000n)
  })
})
