import { expect, test } from '@jest/globals'
import { encodeSignedReceipt } from '@zerog/evidence'
import { ZerogError } from '@zerog/primitives'
import { createWorld } from '../../../packages/verifier/test/world.ts'
import type { HttpClient } from '../src/app/http-client.ts'
import type { Provider } from '../src/app/router/directory.ts'
import { createEvidenceReader } from '../src/app/router/evidence.ts'
import type { Spend } from '../src/app/router/ports.ts'
import type { Sessions } from '../src/app/router/sessions.ts'
import { PROVIDER } from './support/receipts.ts'

const world = await createWorld({ seed: 'router', receipts: 3 })
const { receipt } = await world.evidence(0)
const spend = { answerId: 'chatcmpl-1/..', receipt: encodeSignedReceipt(receipt.signed) } as Spend
const provider = { url: 'http://broker', service: { provider: PROVIDER } } as Provider

/** A router's reader in front of a broker that answers this. */
function readerOf(answer: {
  readonly status: number
  readonly body: Uint8Array | string
  readonly headers?: Record<string, string>
}) {
  const asked: string[] = []
  let forgotten = 0
  const http: Pick<HttpClient, 'request'> = {
    async request({ url }) {
      asked.push(url)
      const bytes = typeof answer.body === 'string' ? new TextEncoder().encode(answer.body) : answer.body
      const body = {
        pieces: (async function* () {
          yield bytes
        })(),
        trailers: () => ({}),
        finish: () => {},
        async whole(max: number) {
          if (bytes.length > max) throw new RangeError('too long')
          return bytes
        },
      }
      return { status: answer.status, headers: answer.headers ?? {}, body }
    },
  }
  const sessions = { header: async () => 'Bearer app-sk-x', forget: () => forgotten++ } as unknown as Sessions
  const reader = createEvidenceReader({ http: { ...http, close: () => {} }, sessions })
  const read = () => reader.read(spend, provider, new AbortController().signal)
  const refusal = async () => {
    const error = await read().then(
      () => 'nothing',
      (thrown: unknown) => thrown,
    )
    return error instanceof ZerogError ? [error.reason, error.retryAfterMs, error.message] : [error]
  }
  return { read, refusal, asked, forgotten: () => forgotten }
}

test('evidence of the answer is handed on as it came', async () => {
  const bytes = await world.bytes(0)
  const { read, asked } = readerOf({ status: 200, body: bytes })
  expect(await read()).toEqual(bytes)
  expect(asked).toEqual(['http://broker/v1/evidence/chatcmpl-1%2F..'])
})

test('evidence of another answer, something else and too much are refused', async () => {
  for (const body of [await world.bytes(1), 'hello', new Uint8Array(5 * 1024 * 1024)]) {
    expect((await readerOf({ status: 200, body }).refusal())[0]).toBe('DEPENDENCY_UNAVAILABLE')
  }
  expect((await readerOf({ status: 500, body: '{}' }).refusal())[0]).toBe('DEPENDENCY_UNAVAILABLE')
})

test('what the broker says about the wait reaches the customer, within bounds', async () => {
  const later = { status: 409, body: '{"error":"the answer is not settled yet"}' }
  expect(await readerOf({ ...later, headers: { 'retry-after-ms': '2500' } }).refusal()).toEqual([
    'WRONG_STATE',
    2500,
    'the answer is not settled yet',
  ])
  expect((await readerOf({ ...later, headers: { 'retry-after-ms': '99999999999' } }).refusal())[1]).toBe(600_000)
  expect((await readerOf(later).refusal())[1]).toBeUndefined()
  expect((await readerOf({ status: 404, body: '<html>' }).refusal())[0]).toBe('NOT_FOUND')
})

test('a session that the broker refuses is not used again', async () => {
  const { refusal, forgotten } = readerOf({ status: 401, body: '{"error":"expired"}' })
  expect((await refusal())[0]).toBe('DEPENDENCY_UNAVAILABLE')
  expect(forgotten()).toBe(1)
})
