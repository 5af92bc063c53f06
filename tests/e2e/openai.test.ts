import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { verifyEvidence } from '@zerog/sdk/verify'
import OpenAI from 'openai'
import { removeDevnet, startDevnet, type TestDevnet, temporaryFolder, until, zerog } from './devnet.ts'

jest.setTimeout(180_000)

/** OpenAI's own client with the URL and the key that the devnet prints: through the gateway, the router, a broker and a worker. */
let devnet: TestDevnet
let client: OpenAI
let model: string

beforeAll(async () => {
  devnet = await startDevnet(await temporaryFolder())
  const { openaiUrl, openaiKey } = devnet.endpoints.compute as { openaiUrl: string; openaiKey: string }
  client = new OpenAI({ baseURL: openaiUrl, apiKey: openaiKey, maxRetries: 0 })
  model = (await client.models.list()).data[0]?.id as string
})
afterAll(() => removeDevnet(devnet.dataDir))

const ask = (content: string) => ({ model, messages: [{ role: 'user' as const, content }], max_tokens: 40, temperature: 0 })

test('the shipped model is listed and answers a question about zerog', async () => {
  expect(model).toMatch(/^zerog-assistant/)
  const answer = await client.chat.completions.create(ask('How do I run the tests?'))
  expect(answer.choices[0]?.message.content).toContain('npm test')
  expect(answer.choices[0]?.finish_reason).toBe('stop')
  expect(answer.usage?.total_tokens).toBe((answer.usage?.prompt_tokens ?? 0) + (answer.usage?.completion_tokens ?? 0))
})

test('a stream has the same text as the whole answer, and its usage in the last chunk', async () => {
  const whole = await client.chat.completions.create(ask('What is a bundle?'))
  const stream = await client.chat.completions.create({
    ...ask('What is a bundle?'),
    stream: true,
    stream_options: { include_usage: true },
  })
  let text = ''
  let usage: unknown
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? ''
    usage = chunk.usage ?? usage
  }
  expect(text).toBe(whole.choices[0]?.message.content)
  expect(usage).toMatchObject({ completion_tokens: whole.usage?.completion_tokens })
})

test('a stream that the client gives up costs what was produced, and the next question is answered', async () => {
  const controller = new AbortController()
  const stream = await client.chat.completions.create(
    { ...ask('What is a certificate?'), stream: true },
    { signal: controller.signal },
  )
  for await (const _chunk of stream) controller.abort()
  const next = await client.chat.completions.create(ask('How do I run the tests?'))
  expect(next.choices[0]?.message.content).toContain('npm test')
})

test.each([
  ['a wrong key', { apiKey: 'sk-zerog-wrong' }, {}, 401],
  ['an unknown model', {}, { model: 'gpt-9' }, 404],
  ['a temperature beyond the range', {}, { temperature: 9 }, 400],
])('%s is refused in the form that the client understands', async (_what, options, change, status) => {
  const failing = client.withOptions(options).chat.completions.create({ ...ask('hello'), ...change })
  await expect(failing).rejects.toMatchObject({ status, error: { message: expect.any(String) } })
})

test('evidence of an answer is refused until it is settled, and says when to come back', async () => {
  const { openaiUrl, openaiKey } = devnet.endpoints.compute as { openaiUrl: string; openaiKey: string }
  const get = (id: string, key = openaiKey) =>
    fetch(`${openaiUrl}/evidence/${id}`, { headers: { authorization: `Bearer ${key}` } })
  const { response } = await client.chat.completions.create(ask('What is a blob?')).withResponse()
  const id = response.headers.get('x-zerog-receipt-id') ?? ''
  const early = await get(id)
  expect([early.status, Number(early.headers.get('retry-after')) > 0]).toEqual([409, true])
  expect(((await early.json()) as { error: { message: string } }).error.message).toMatch(/not settled yet/)
  expect((await get('chatcmpl-of-nobody')).status).toBe(404)
  expect((await get(id, `sk-zerog-${'x'.repeat(43)}`)).status).toBe(401)
  const other = (await devnet.zerog('compute', 'key', 'create', '--json')).json().data.key
  expect((await get(id, other)).status).toBe(404)
  let file = early
  await until('evidence of the answer', async () => {
    file = await get(id)
    return file.status === 200
  })
  expect(file.headers.get('content-type')).toBe('application/vnd.zerog.evidence')
  const { ok, links } = verifyEvidence(new Uint8Array(await file.arrayBuffer()))
  expect([ok, links.find(({ name }) => name === 'model')?.state]).toEqual([true, 'proven'])

  const { madeFrom, made } = (await devnet.zerog('lineage', id, '--json')).json().data as Record<'madeFrom' | 'made', Edge[]>
  expect(kinds(madeFrom, 'from')).toEqual(['account', 'dataset', 'model', 'provider', 'request', 'training'])
  expect(kinds(made, 'to')).toEqual(['batch', 'blob', 'response', 'transaction'])
  const blob = made.find(({ to }) => to.kind === 'blob')?.to.id as string
  // Whoever has no key sees what the chain says.
  const back = await zerog(['lineage', blob, '--json', '--data-dir', devnet.dataDir], { ZEROG_COMPUTE_KEY: 'sk-zerog-of-nobody' })
  expect(kinds(back.json().data.madeFrom, 'from')).toEqual(['batch', 'provider'])
})

type Edge = Readonly<Record<'from' | 'to', { readonly kind: string; readonly id: string }>>
const kinds = (edges: readonly Edge[], end: 'from' | 'to') => [...new Set(edges.map((edge) => edge[end].kind))].sort()
