import type { Domain } from '@zerog/evidence'
import { fromHex, type Hex, isHex, ZerogError } from '@zerog/primitives'
import { isObject } from '../../core/openai/fields.ts'
import { acknowledgementDigest, acknowledgementsDigest } from '../../core/receipts/acknowledgement.ts'
import type { HttpAnswer, HttpClient } from '../http-client.ts'
import { type Provider, readText } from './directory.ts'
import type { RouterSigner } from './ports.ts'
import type { Sessions } from './sessions.ts'

export type AckState = 'pending' | 'billable' | 'void' | 'settled' | 'unknown'
export type ReceiptView = { readonly receipt: Uint8Array; readonly state: AckState }

/** The calls to a broker that are not generations (docs/spec/compute-http.md). Nothing that comes back is believed before it is checked. */
export type BrokerApi = {
  /** undefined: the broker knows no such answer. */
  receipt(provider: Provider, answerId: string, signal: AbortSignal): Promise<ReceiptView | undefined>
  acknowledge(
    provider: Provider,
    acks: readonly { readonly id: string; readonly receiptHash: Hex }[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, AckState>>
}

const CALL_MS = 10_000
const ANSWER_BYTES_MAX = 256 * 1024

export function createBrokerApi(deps: {
  readonly http: HttpClient
  readonly sessions: Sessions
  readonly signer: Pick<RouterSigner, 'sign'>
  readonly domain: Domain
}): BrokerApi {
  const { signer, domain } = deps
  /** Brokers of a release that knows no signature over many. */
  const singly = new Set<Hex>()

  async function call(
    provider: Provider,
    of: { readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: object; readonly signal: AbortSignal },
  ): Promise<{ readonly status: number; readonly json: unknown }> {
    const answer: HttpAnswer = await deps.http.request({
      method: of.method,
      url: `${provider.url}${of.path}`,
      headers: {
        authorization: await deps.sessions.header(provider.service.provider),
        accept: 'application/json',
        ...(of.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(of.body === undefined ? {} : { body: new TextEncoder().encode(JSON.stringify(of.body)) }),
      signal: AbortSignal.any([of.signal, AbortSignal.timeout(CALL_MS)]),
      headMs: CALL_MS,
    })
    const text = await readText(answer, ANSWER_BYTES_MAX)
    if (answer.status === 401) deps.sessions.forget(provider.service.provider)
    try {
      return { status: answer.status, json: JSON.parse(text) }
    } catch {
      return { status: answer.status, json: undefined }
    }
  }

  return {
    async receipt(provider, answerId, signal) {
      const { status, json } = await call(provider, {
        method: 'GET',
        path: `/v1/receipts/${encodeURIComponent(answerId)}`,
        signal,
      })
      if (status === 404) return undefined
      if (status !== 200 || !isObject(json) || typeof json.receipt !== 'string' || !isHex(json.receipt))
        throw unexpected(provider, status)
      return { receipt: fromHex(json.receipt), state: stateOf(json.state) }
    },
    async acknowledge(provider, acks, signal) {
      const send = (body: object) => call(provider, { method: 'POST', path: '/v1/receipts/ack', body, signal })
      const { provider: address } = provider.service
      const together = () => {
        const hashes = acks.map(({ receiptHash }) => receiptHash)
        return send({ acks, signature: signer.sign(acknowledgementsDigest(hashes, domain)) })
      }
      const each = () =>
        send({
          acks: acks.map(({ id, receiptHash }) => ({ id, signature: signer.sign(acknowledgementDigest(receiptHash, domain)) })),
        })
      let answer = await (singly.has(address) ? each() : together())
      if (!singly.has(address) && !knowsTogether(answer)) {
        singly.add(address)
        answer = await each()
      }
      const { status, json } = answer
      if (status !== 200 || !isObject(json) || !Array.isArray(json.results)) throw unexpected(provider, status)
      const states = new Map<string, AckState>()
      for (const result of json.results) {
        if (isObject(result) && typeof result.id === 'string') states.set(result.id, stateOf(result.state))
      }
      return states
    },
  }
}

/** A broker that knows only single signatures finds none, and leaves every receipt pending. */
function knowsTogether({ status, json }: { readonly status: number; readonly json: unknown }): boolean {
  if (status !== 200 || !isObject(json) || !Array.isArray(json.results)) return status !== 400
  return json.results.some((result) => isObject(result) && result.state !== 'pending')
}

function stateOf(value: unknown): AckState {
  // A receipt in a batch is on its way to settlement.
  if (value === 'batched') return 'settled'
  return value === 'pending' || value === 'billable' || value === 'void' || value === 'settled' ? value : 'unknown'
}

function unexpected(provider: Provider, status: number): ZerogError {
  return new ZerogError('DEPENDENCY_UNAVAILABLE', {
    message: `the broker of ${provider.service.provider} answered ${status}`,
    metadata: { provider: provider.service.provider, status: String(status) },
  })
}
