import { encodeSignedReceipt } from '@zerog/evidence'
import { equalBytes, ZerogError } from '@zerog/primitives'
import { decodeEvidence } from '@zerog/verifier'
import { isObject } from '../../core/openai/fields.ts'
import type { HttpClient } from '../http-client.ts'
import type { Provider } from './directory.ts'
import type { Spend } from './ports.ts'
import type { Sessions } from './sessions.ts'

const CALL_MS = 30_000
/** Evidence in hash mode, and what a broker says instead of it. */
const FILE_BYTES_MAX = 4 * 1024 * 1024
/** Where a broker gives a time to come back, it is at most this, ms. */
const RETRY_MAX_MS = 600_000

export type EvidenceReader = { read(spend: Spend, provider: Provider, signal: AbortSignal): Promise<Uint8Array> }

/**
 * Evidence of an answer out of its provider's hands. It must be of this answer; whether its links hold is for whoever gets it to verify,
 * who names the validators that he trusts.
 */
export function createEvidenceReader({
  http,
  sessions,
}: {
  readonly http: HttpClient
  readonly sessions: Sessions
}): EvidenceReader {
  return {
    /** @throws ZerogError WRONG_STATE, with `retryAfterMs` while it is worth to come back; NOT_FOUND; DEPENDENCY_UNAVAILABLE */
    async read(spend, { url, service }, signal) {
      const request = {
        method: 'GET',
        url: `${url}/v1/evidence/${encodeURIComponent(spend.answerId)}`,
        headers: { authorization: await sessions.header(service.provider), accept: '*/*' },
        signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]),
        headMs: CALL_MS,
      } as const
      const answer = await http.request(request).catch((cause: unknown) => {
        throw unexpected(service.provider, 'did not answer', cause)
      })
      const bytes = await answer.body.whole(FILE_BYTES_MAX).catch((cause: unknown) => {
        throw unexpected(service.provider, 'sent something that is no evidence', cause)
      })
      if (answer.status === 401) sessions.forget(service.provider)
      if (answer.status === 409 || answer.status === 404) throw refusal(answer.status, bytes, answer.headers['retry-after-ms'])
      if (answer.status !== 200) throw unexpected(service.provider, `answered ${answer.status}`)
      if (!isOf(spend, bytes)) throw unexpected(service.provider, 'sent evidence of another answer')
      return bytes
    },
  }
}

function isOf({ receipt }: Spend, bytes: Uint8Array): boolean {
  try {
    return equalBytes(encodeSignedReceipt(decodeEvidence(bytes).receipt.signed), receipt)
  } catch (error) {
    if (error instanceof ZerogError) return false
    throw error
  }
}

/** What the broker says in 0G's form, handed on. */
function refusal(status: 404 | 409, bytes: Uint8Array, retryAfter: string | undefined): ZerogError {
  const message = sentence(bytes) ?? 'the provider has no evidence of this answer'
  if (status === 404) return new ZerogError('NOT_FOUND', { message })
  const ms = Number(retryAfter)
  const retryAfterMs = Number.isInteger(ms) && ms > 0 ? Math.min(ms, RETRY_MAX_MS) : undefined
  return new ZerogError('WRONG_STATE', { message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
}

function sentence(bytes: Uint8Array): string | undefined {
  try {
    const body: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return isObject(body) && typeof body.error === 'string' ? body.error.slice(0, 1000) : undefined
  } catch {
    return undefined
  }
}

function unexpected(provider: string, what: string, cause?: unknown): ZerogError {
  return new ZerogError('DEPENDENCY_UNAVAILABLE', {
    message: `the broker of ${provider} ${what}`,
    metadata: { provider },
    ...(cause === undefined ? {} : { cause }),
  })
}
