import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { encodeFunctionData } from 'viem'
import { type BrokerInstallation, bearer, brokerInstallation, eventually } from './support/broker-installation.ts'
import { AT, accountOf, fund, inferenceServingAbi } from './support/chain.ts'

const USER = 1
const POOR = 2
let installation: BrokerInstallation
let token: string

beforeAll(async () => {
  installation = await brokerInstallation({ config: { firstTokenMs: 300, tokenMs: 300 } })
  await eventually(async () => (await fetch(`${installation.url()}/v1/models`)).ok)
  await eventually(async () => await registered())
  await fund(installation.chain, USER, installation.provider)
  token = await bearer(USER, installation.provider)
})
afterAll(() => installation.close())

async function registered(): Promise<boolean> {
  const data = encodeFunctionData({ abi: inferenceServingAbi, functionName: 'getService', args: [installation.provider] })
  return installation.chain.client.call({ to: AT.inferenceServing, data }).then(
    () => true,
    () => false,
  )
}

const chat = { model: 'mock-model', messages: [{ role: 'user', content: 'one two three' }] }
async function post(body: unknown, authorization: string | undefined = token, path = '/v1/proxy/chat/completions') {
  const response = await fetch(installation.url() + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(authorization === '' ? {} : { authorization }) },
    body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, json: JSON.parse(text), headers: response.headers }
}

describe("who is not let in is told so in 0G's form", () => {
  const cases: readonly (readonly [what: string, make: () => Promise<string>])[] = [
    ['nobody', async () => ''],
    ['a key of OpenAI', async () => 'Bearer sk-abc'],
    ['noise', async () => 'Bearer app-sk-!!!!'],
    ['a token that another key signed', () => bearer(USER, installation.provider, { signer: POOR })],
    ['a token for another provider', () => bearer(USER, `0x${'ab'.repeat(20)}`)],
    ['an expired token', () => bearer(USER, installation.provider, { expiresAt: Date.now() - 1 })],
    ['an ephemeral token without end', () => bearer(USER, installation.provider, { expiresAt: 0 })],
    ['an ephemeral token of two days', () => bearer(USER, installation.provider, { expiresAt: Date.now() + 2 * 86_400_000 })],
    [
      'a token of tomorrow',
      () => bearer(USER, installation.provider, { timestamp: Date.now() + 86_400_000, tokenId: 1, expiresAt: 0 }),
    ],
    ['a token of another generation', () => bearer(USER, installation.provider, { generation: 1 })],
  ]
  test.each(cases)('%s', async (_what, make) => {
    const { status, json } = await post(chat, await make())
    expect(status).toBe(401)
    expect(typeof json.error).toBe('string')
  })

  test('a flipped bit anywhere in a token', async () => {
    const [, encoded = ''] = token.split('app-sk-')
    const bytes = Buffer.from(encoded, 'base64')
    for (let index = 0; index < bytes.length; index += 7) {
      const flipped = Buffer.from(bytes)
      flipped[index] = (flipped[index] as number) ^ 1
      const { status } = await post(chat, `Bearer app-sk-${flipped.toString('base64')}`)
      // The case of a digit of an address is no part of it, so such a flip may leave a token that says the same; its signature does not.
      expect({ index, status }).toEqual({ index, status: 401 })
    }
  })

  test('an API key from the call after its revocation on', async () => {
    const key = await bearer(USER, installation.provider, { tokenId: 7, expiresAt: 0 })
    for (let round = 0; round < 3; round++) expect((await post(chat, key)).status).toBe(200)
    const data = encodeFunctionData({ abi: inferenceServingAbi, functionName: 'revokeToken', args: [installation.provider, 7] })
    await installation.chain.send(USER, { to: AT.inferenceServing, data })
    expect((await post(chat, key)).status).toBe(401)
    expect((await post(chat)).status).toBe(200)
  })

  test("somebody who reads another one's receipts or fees", async () => {
    const { headers } = await post(chat)
    const id = headers.get('zg-res-key') as string
    const other = await bearer(POOR, installation.provider)
    const get = (path: string, authorization: string) => fetch(installation.url() + path, { headers: { authorization } })
    expect((await get(`/v1/receipts/${id}`, other)).status).toBe(404)
    const { address } = accountOf(USER)
    expect((await get(`/v1/user/${address}/unsettledfee`, other)).status).toBe(401)
    expect((await get(`/v1/user/${address}/unsettledfee`, token)).status).toBe(200)
  })
})

describe('money', () => {
  test('who has no account, or too little, is refused before anything runs', async () => {
    const generated = installation.worker.generated.length
    const { status, json } = await post(chat, await bearer(POOR, installation.provider))
    expect(status).toBe(400)
    expect(json.error).toMatchObject({ type: 'insufficient_quota', code: 'insufficient_quota' })
    expect(installation.worker.generated.length).toBe(generated)
  })

  test('many requests at once cannot spend more than there is, however they race', async () => {
    await fund(installation.chain, 4, installation.provider, '1.0004')
    const poor = await bearer(4, installation.provider)
    const { promise: gate, resolve: open } = Promise.withResolvers<void>()
    installation.worker.gate = gate
    // Each may cost 0.000124 0G at most: three of them fit beside the 1 0G that stays locked.
    const body = { ...chat, max_tokens: 286 }
    let refused = 0
    const answers = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const answer = await post(body, poor)
        // None is answered, and gives back what it did not use, before all others were refused.
        if (answer.status === 400 && ++refused === 9) open()
        return answer
      }),
    )
    installation.worker.gate = undefined
    const statuses = answers.map(({ status }) => status)
    expect(statuses.toSorted()).toEqual([200, 200, 200, ...Array.from({ length: 9 }, () => 400)])
    // What was not used is free again.
    expect((await post(body, poor)).status).toBe(200)
  })
})

describe("requests that cannot be served are told so in OpenAI's form", () => {
  const cases: readonly (readonly [what: string, body: unknown, status: number, code: string])[] = [
    ['no JSON', '{"model":', 400, 'invalid_json'],
    ['a list', '[]', 400, 'invalid_json'],
    ['half a character', Buffer.from([0x7b, 0xc3, 0x28]), 400, 'invalid_json'],
    ['no messages', { model: 'mock-model' }, 400, 'missing_required_parameter'],
    ['an unknown model', { ...chat, model: 'gpt-nobody' }, 404, 'model_not_found'],
    [
      'tools, of a model without them',
      { ...chat, tools: [{ type: 'function', function: { name: 'f' } }] },
      400,
      'unsupported_parameter',
    ],
    ['a temperature of 3', { ...chat, temperature: 3 }, 400, 'integer_above_max_value'],
    [
      'a prompt beyond the context',
      { ...chat, messages: [{ role: 'user', content: 'w '.repeat(5000) }] },
      400,
      'context_length_exceeded',
    ],
    ['a trace of two choices', { ...chat, n: 2, zerog: { trace: true } }, 400, 'invalid_value'],
  ]
  test.each(cases)('%s', async (_what, body, status, code) => {
    const answer = await post(body)
    expect({ status: answer.status, code: answer.json.error.code }).toEqual({ status, code })
    expect(typeof answer.json.error.message).toBe('string')
  })

  test('a body beyond the limit', async () => {
    const { status } = await post({ ...chat, messages: [{ role: 'user', content: 'x'.repeat(1_100_000) }] })
    expect(status).toBe(413)
  })

  test('an unknown path, an unknown answer, a quote of a GPU', async () => {
    const get = async (path: string) => fetch(installation.url() + path)
    expect((await get('/v1/nothing')).status).toBe(404)
    expect((await get('/v1/proxy/signature/chatcmpl-unknown?model=x')).status).toBe(404)
    expect((await post({}, token, '/v1/quote/verify/gpu')).status).toBe(501)
  })

  test('a page of another origin may ask, and see the id of its answer', async () => {
    const response = await fetch(`${installation.url()}/v1/proxy/chat/completions`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    })
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(response.headers.get('access-control-allow-headers')).toBe('authorization')
  })
})

describe('a worker that misbehaves', () => {
  test('hangs: the client is told in time, and pays nothing', async () => {
    installation.worker.hangAt = 0
    const { status, json } = await post(chat)
    installation.worker.hangAt = undefined
    expect(status).toBe(504)
    expect(json.error.message).toMatch(/silent/)
  })

  test('stops in the middle, or never says that it is done: no answer, no fee', async () => {
    installation.worker.dropsEnd = true
    const { status } = await post(chat)
    installation.worker.dropsEnd = false
    expect(status).toBe(503)
    const answered = await post(chat)
    expect(answered.status).toBe(200)
    // Its fee counts a moment after its last byte, and the next test compares sums.
    await eventually(async () => {
      const stored = await installation.repository.receipt(answered.headers.get('zg-res-key') as string)
      return stored?.state !== 'pending'
    })
  })
})

test('a client that leaves before its answer costs nobody anything', async () => {
  installation.worker.tokenMs = 50
  const { cancelled } = installation.worker
  const before = await installation.repository.totals()
  const sent = httpRequest(`${installation.url()}/v1/proxy/chat/completions`, {
    method: 'POST',
    headers: { authorization: token, 'content-type': 'application/json' },
  })
  sent.on('error', () => {})
  sent.end(JSON.stringify({ ...chat, messages: [{ role: 'user', content: 'a b c d e f g h i j' }] }))
  const running = installation.worker.generated.length
  await eventually(async () => installation.worker.generated.length > running)
  sent.destroy()
  await eventually(async () => installation.worker.cancelled > cancelled)
  installation.worker.tokenMs = 0
  const after = await installation.repository.totals()
  const owed = (totals: typeof after) => totals.billable + totals.inBatches + totals.paid + totals.carried
  expect(owed(after)).toBe(owed(before))
})
