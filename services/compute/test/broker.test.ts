import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  decodeSignedReceipt,
  foldClaim,
  foldUserTotal,
  receiptCommitment,
  recoverReceiptSigner,
  type SumProof,
} from '@zerog/evidence'
import { fromHex, type Hex, ZerogError } from '@zerog/primitives'
import { decodeFunctionResult, encodeFunctionData, recoverMessageAddress } from 'viem'
import {
  acknowledgement,
  acknowledgementOfMany,
  type BrokerInstallation,
  bearer,
  brokerInstallation,
  DOMAIN,
  eventually,
} from './support/broker-installation.ts'
import { AT, accountOf, fund, inferenceServingAbi } from './support/chain.ts'

const USER = 1
let installation: BrokerInstallation
let token: string

beforeAll(async () => {
  installation = await brokerInstallation({
    config: { prices: { 'mock-model': { inputPriceWei: '1000', outputPriceWei: '3000' } } },
  })
  const { chain, provider } = installation
  await eventually(async () => (await service())?.teeSignerAcknowledged)
  await fund(chain, USER, provider)
  token = await bearer(USER, provider)
})
afterAll(() => installation.close())

async function service() {
  const { chain, provider } = installation
  const data = encodeFunctionData({ abi: inferenceServingAbi, functionName: 'getService', args: [provider] })
  const output = await chain.client.call({ to: AT.inferenceServing, data }).catch(() => undefined)
  return output && decodeFunctionResult({ abi: inferenceServingAbi, functionName: 'getService', data: output })
}

type Asked = { readonly path?: string; readonly token?: string; readonly headers?: Record<string, string> }
async function ask(body: unknown, { path = '/v1/proxy/chat/completions', token: given, headers = {} }: Asked = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(installation.url() + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: given ?? token, ...headers },
    body: text,
  })
  return { response, text, sha: createHash('sha256').update(text).digest('hex') }
}
const chat = (content: string, more: Record<string, unknown> = {}) => ({
  model: 'mock-model',
  messages: [{ role: 'user', content }],
  ...more,
})
const get = (path: string, given = token) => fetch(installation.url() + path, { headers: { authorization: given } })
const receiptOf = async (id: string) => (await (await get(`/v1/receipts/${id}`)).json()) as any

test('registers its service with stake, and its signer by the policy', async () => {
  expect(await service()).toMatchObject({
    serviceType: 'chatbot',
    url: installation.url(),
    model: 'mock-model',
    verifiability: 'OpML',
    inputPrice: 1000n,
    outputPrice: 3000n,
    teeSignerAcknowledged: true,
  })
  const info = JSON.parse((await service())?.additionalInfo ?? '')
  expect(info).toMatchObject({ TEEVerifier: 'dstack', zerog: { stage: 'preview', disputes: false } })
})

describe('an answer', () => {
  test('is what the model said, with its id, its usage and a signature over the exact bytes', async () => {
    const { response, sha } = await ask(chat('one two three'), { headers: { origin: 'http://page.example' } })
    expect(response.status).toBe(200)
    const bytes = Buffer.from(await response.arrayBuffer())
    const answer = JSON.parse(bytes.toString())
    expect(answer.choices[0]).toEqual({
      index: 0,
      message: { role: 'assistant', content: 'mock says: one two three', refusal: null },
      logprobs: null,
      finish_reason: 'stop',
    })
    expect(answer.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 })
    const id = response.headers.get('zg-res-key') as string
    expect(answer.id).toBe(id)
    expect(response.headers.get('access-control-expose-headers')).toContain('ZG-Res-Key')
    expect(response.headers.get('x-zerog-cost-wei')).toBe(String(3 * 1000 + 5 * 3000))

    const signed = (await (await fetch(`${installation.url()}/v1/proxy/signature/${id}?model=mock-model`)).json()) as any
    expect(signed.text).toBe(`${sha}:${createHash('sha256').update(bytes).digest('hex')}`)
    expect(signed.signing_address_ecdsa).toBe(signed.signing_address)
    const signer = await recoverMessageAddress({ message: signed.text, signature: signed.signature })
    expect(signer).toBe((await service())?.teeSignerAddress)

    const sent = decodeSignedReceipt(Buffer.from(response.headers.get('x-zerog-receipt') ?? '', 'base64'))
    expect(recoverReceiptSigner(sent.receipt, { domain: DOMAIN, signature: sent.signature })).toBe(signer.toLowerCase())
    expect(sent.receipt).toMatchObject({
      requestHash: `0x${sha}`,
      responseHash: `0x${createHash('sha256').update(bytes).digest('hex')}`,
      promptTokens: 3n,
      completionTokens: 5n,
      fee: 18_000n,
      mode: 1,
      user: accountOf(USER).address.toLowerCase(),
    })
  })

  test('streams the same text, and its hash covers every byte of the stream', async () => {
    const { response, sha } = await ask(chat('one two', { stream: true, stream_options: { include_usage: true } }))
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const bytes = Buffer.from(await response.arrayBuffer())
    const events = bytes
      .toString()
      .split('\n\n')
      .filter((event) => event !== '')
      .map((event) => event.slice('data: '.length))
    expect(events.at(-1)).toBe('[DONE]')
    const parsed = events.slice(0, -1).map((event) => JSON.parse(event))
    expect(parsed.map((event) => event.choices[0]?.delta?.content ?? '').join('')).toBe('mock says: one two')
    expect(parsed.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 2, completion_tokens: 4 } })
    const id = response.headers.get('zg-res-key') as string
    const stored = await receiptOf(id)
    expect(stored.fields).toMatchObject({
      requestHash: `0x${sha}`,
      responseHash: `0x${createHash('sha256').update(bytes).digest('hex')}`,
      fee: String(2 * 1000 + 4 * 3000),
    })
  })

  test('serves completions, several choices and embeddings', async () => {
    const { response } = await ask({ model: 'mock-model', prompt: ['a', 'b c'], n: 2 }, { path: '/v1/proxy/completions' })
    const body = (await response.json()) as any
    expect(body.choices.map((choice: any) => choice.text)).toEqual([
      'mock says: a',
      'mock says: a',
      'mock says: b c',
      'mock says: b c',
    ])
    // A prompt is paid once, however many answers continue it.
    expect(body.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 14 })
    const { response: embedded } = await ask({ model: 'mock-model', input: ['abc', 'de f'] }, { path: '/v1/proxy/embeddings' })
    const vectors = (await embedded.json()) as any
    expect(vectors.data.map((item: any) => item.embedding)).toEqual([
      [3, 0.5],
      [4, 0.5],
    ])
    expect(vectors.usage).toEqual({ prompt_tokens: 3, total_tokens: 3 })
  })

  test('names the re-executable mode only where a trace was asked for and given', async () => {
    const { response } = await ask(chat('x', { zerog: { trace: true }, seed: 5, temperature: 0 }))
    const stored = await receiptOf(response.headers.get('zg-res-key') as string)
    expect(stored.fields).toMatchObject({ mode: 3, traceRoot: `0x${'09'.repeat(32)}` })
    expect(JSON.parse(stored.params)).toMatchObject({ seed: '5', temperatureMilli: 0 })
  })
})

describe('billing', () => {
  test('every answer ends in a batch whose path leads from its receipt to what was settled, and the books agree to the wei', async () => {
    // What the tests before left is settled first: chain and books say the same then.
    const totalsBefore = await eventually(async () => {
      const totals = await installation.repository.totals()
      return totals.billable === 0n && totals.inBatches === 0n && totals
    })
    const before = await account()
    const ids: string[] = []
    for (const text of ['a', 'b c', 'd e f']) {
      const { response } = await ask(chat(text))
      await response.arrayBuffer()
      ids.push(response.headers.get('zg-res-key') as string)
    }
    const stored = await eventually(async () => {
      const all = await Promise.all(ids.map(receiptOf))
      return all.every((receipt) => receipt.state === 'settled') && all
    })
    for (const { batch, receiptHash, salt, fields } of stored) {
      expect(batch.anchor).toBeNull() // nothing is published in this installation
      const claim = { kind: 'receipt', commitment: batch.claim.commitment, amount: BigInt(fields.fee) } as const
      const total = foldClaim(fields.user, claim, proofOf(batch.claim.proof))
      expect(total).toEqual({ requestsHash: batch.requestsHash, sum: BigInt(batch.userSum) })
      const owner = { chainId: 31337n, provider: installation.provider }
      expect(foldUserTotal(owner, { user: fields.user, ...total }, proofOf(batch.userProof))).toEqual({
        batchRoot: batch.batchRoot,
        sum: BigInt(batch.batchSum),
      })
      expect(receiptCommitment(receiptHash, fromHex(salt))).toBe(batch.claim.commitment)
    }
    await eventually(async () => (await installation.repository.totals()).inBatches === 0n)
    const totals = await installation.repository.totals()
    expect(before.balance - (await account()).balance).toBe(totals.paid - totalsBefore.paid)
    expect(totals.billable + totals.carried).toBe(0n)
  })

  test('one signature acknowledges many answers, and no other than those whose hash it covers', async () => {
    const ids: string[] = []
    for (const word of ['first', 'second', 'third']) {
      const { response } = await ask(chat(word), { headers: { 'x-zerog-acknowledge': 'signed' } })
      ids.push(response.headers.get('zg-res-key') as string)
    }
    const hashes = await Promise.all(
      ids.map(async (id) => ((await (await get(`/v1/receipts/${id}`)).json()) as { receiptHash: Hex }).receiptHash),
    )
    const acks = ids.map((id, index) => ({ id, receiptHash: hashes[index] as Hex }))
    const send = async (list: readonly { id: string; receiptHash: Hex }[], signature: Hex) =>
      ((await (await ask({ acks: list, signature }, { path: '/v1/receipts/ack' })).response.json()) as any).results
    const [first, second, third] = acks as [(typeof acks)[0], (typeof acks)[0], (typeof acks)[0]]
    const states = (results: { state: string }[]) => results.map(({ state }) => state)

    const ofOther = await acknowledgementOfMany(2, hashes)
    expect(states(await send(acks, ofOther))).toEqual(['pending', 'pending', 'pending'])
    const swapped = [
      { ...first, receiptHash: second.receiptHash },
      { id: 'chatcmpl-unknown', receiptHash: first.receiptHash },
    ]
    const signature = await acknowledgementOfMany(USER, [second.receiptHash, first.receiptHash])
    expect(states(await send(swapped, signature))).toEqual(['pending', 'unknown'])
    // The order is signed too, and what was left out is not covered.
    expect(states(await send([first, second], signature))).toEqual(['pending', 'pending'])
    expect(states(await send([first], await acknowledgementOfMany(USER, hashes)))).toEqual(['pending'])

    const good = await acknowledgementOfMany(USER, [first.receiptHash, second.receiptHash])
    expect(states(await send([first, second], good))).toEqual(['billable', 'billable'])
    expect(states(await send([first, second], good))).toEqual(['billable', 'billable'])
    expect(((await (await get(`/v1/receipts/${third.id}`)).json()) as { state: string }).state).toBe('pending')
  })

  test('an answer that is to be acknowledged counts with the signature of its user, and with no other', async () => {
    const { response } = await ask(chat('signed'), { headers: { 'x-zerog-acknowledge': 'signed' } })
    const id = response.headers.get('zg-res-key') as string
    await response.arrayBuffer()
    const { state, receiptHash } = await receiptOf(id)
    expect(state).toBe('pending')
    const acknowledge = (signature: Hex) => ask({ signature }, { path: `/v1/receipts/${id}/ack` })
    expect((await acknowledge(await acknowledgement(2, receiptHash))).response.status).toBe(401)
    expect((await acknowledge(`0x${'00'.repeat(65)}`)).response.status).toBe(401)
    const good = await acknowledgement(USER, receiptHash)
    const many = await ask(
      {
        acks: [
          { id, signature: good },
          { id: 'chatcmpl-nobody', signature: good },
          { id, signature: good },
        ],
      },
      { path: '/v1/receipts/ack' },
    )
    expect(await many.response.json()).toEqual({
      results: [
        { id, state: 'billable' },
        { id: 'chatcmpl-nobody', state: 'unknown' },
        { id, state: 'billable' },
      ],
    })
    await eventually(async () => (await receiptOf(id)).state === 'settled')
    // Saying it twice is harmless.
    expect(await (await acknowledge(good)).response.json()).toEqual({ id, state: 'billable' })
  })

  test('a client that leaves mid-stream stops the model and pays for what was checkpointed', async () => {
    installation.worker.tokenMs = 5
    const cancelled = installation.worker.cancelled
    const words = Array.from({ length: 400 }, (_, index) => `w${index}`).join(' ')
    const controller = new AbortController()
    const response = await fetch(`${installation.url()}/v1/proxy/chat/completions`, {
      method: 'POST',
      headers: { authorization: token, 'content-type': 'application/json' },
      body: JSON.stringify(chat(words, { stream: true, max_tokens: 400 })),
      signal: controller.signal,
    })
    const id = response.headers.get('zg-res-key') as string
    let received = ''
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    while (!received.includes('w100')) received += Buffer.from((await reader.read()).value ?? []).toString()
    controller.abort()
    await eventually(async () => installation.worker.cancelled > cancelled)
    installation.worker.tokenMs = 0
    const stored = await eventually(async () => {
      const receipt = await receiptOf(id)
      return ['billable', 'settled'].includes(receipt.state) && receipt
    })
    expect(stored.complete).toBe(false)
    const tokens = Number(stored.fields.completionTokens)
    expect(tokens % 32).toBe(0)
    expect(tokens).toBeGreaterThanOrEqual(64)
    expect(tokens).toBeLessThan(200)
    expect(stored.fields.fee).toBe(String(400 * 1000 + tokens * 3000))
  })

  test('a worker that fails mid-stream is told inside the stream, and only checkpoints are paid', async () => {
    const error = new ZerogError('DEPENDENCY_UNAVAILABLE', { message: 'mock failure' })
    installation.worker.failAt = { token: 3, error }
    const { response } = await ask(chat('a b c d', { stream: true }))
    const text = await response.text()
    expect(text).toContain('"error":{"message":"mock failure"')
    expect(text).not.toContain('[DONE]')
    const whole = await ask(chat('a b c d'))
    expect(whole.response.status).toBe(503)
    expect(await whole.response.json()).toMatchObject({ error: { message: 'mock failure', type: 'server_error' } })
    installation.worker.failAt = undefined
    expect((await get(`/v1/receipts/${response.headers.get('zg-res-key')}`)).status).toBe(404)
  })

  test('a worker that claims more tokens than were asked for is not paid for them', async () => {
    installation.worker.claims = { promptTokens: 1_000_000, completionTokens: 1_000_000 }
    const { response } = await ask(chat('abc', { max_tokens: 10 }))
    installation.worker.claims = undefined
    const { usage } = (await response.json()) as any
    expect(usage.completion_tokens).toBe(10)
    expect(usage.prompt_tokens).toBeLessThan(100)
  })

  async function account() {
    const data = encodeFunctionData({
      abi: inferenceServingAbi,
      functionName: 'getAccount',
      args: [accountOf(USER).address, installation.provider],
    })
    const output = await installation.chain.client.call({ to: AT.inferenceServing, data })
    return decodeFunctionResult({ abi: inferenceServingAbi, functionName: 'getAccount', data: output })
  }
})

function proofOf(json: any): SumProof {
  return { index: json.index, count: json.count, path: json.path.map(({ hash, sum }: any) => ({ hash, sum: BigInt(sum) })) }
}
