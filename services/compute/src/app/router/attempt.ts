import type { Clock } from '@zerog/ports'
import type { Hex } from '@zerog/primitives'
import { OpenAiError } from '../../core/openai/errors.ts'
import { isObject } from '../../core/openai/fields.ts'
import { type HttpAnswer, type HttpClient, ServerUnreachable } from '../http-client.ts'
import type { Directory, Provider } from './directory.ts'
import { readText } from './directory.ts'
import type { RouterMetrics } from './metrics.ts'
import type { Sessions } from './sessions.ts'

export type Asked = {
  readonly path: 'chat/completions' | 'completions' | 'embeddings'
  /** Exactly as the client sent it: the receipt is about these bytes. */
  readonly body: Uint8Array
  readonly requestId: string
  /** A digest of the key, so that a provider can queue our customers fairly. */
  readonly signal: AbortSignal
}

/** Why another provider should be asked: this one cannot, for reasons that are not the client's. */
export class ProviderFailed extends Error {
  override readonly name = 'ProviderFailed'
  /** What the client hears when nobody else can. */
  readonly answer: OpenAiError

  constructor(answer: OpenAiError, cause?: unknown) {
    super(answer.message, { cause })
    this.answer = answer
  }
}

/** Answers of these kinds are the provider's trouble. 401 is about our token, 402 and its like about our balance. */
const RETRYABLE = new Set([401, 402, 408, 425, 429, 500, 502, 503, 504])
const OUR_MONEY = new Set(['insufficient_quota', 'insufficient_funds', 'insufficient_balance'])
const ERROR_BYTES_MAX = 64 * 1024

export type Attempts = {
  /** The head of a 200 answer. Throws ProviderFailed, or OpenAiError where the request itself was refused. */
  ask(provider: Provider, asked: Asked): Promise<HttpAnswer & { readonly answerId: string }>
}

export function createAttempts(
  options: { readonly headMs: number },
  deps: {
    readonly http: HttpClient
    readonly sessions: Sessions
    readonly directory: Directory
    readonly clock: Clock
    readonly metrics: RouterMetrics
    /** Our balance there is used up. */
    readonly onEmpty: (provider: Hex) => void
  },
): Attempts {
  const { http, sessions, directory, clock, metrics } = deps

  function send(provider: Provider, asked: Asked, authorization: string): Promise<HttpAnswer> {
    return http.request({
      method: 'POST',
      url: `${provider.url}/v1/proxy/${asked.path}`,
      headers: {
        authorization,
        'content-type': 'application/json',
        'x-zerog-acknowledge': 'signed',
        'x-request-id': asked.requestId,
      },
      body: asked.body,
      signal: asked.signal,
      headMs: options.headMs,
    })
  }

  function failure(provider: Provider, error: unknown, refused: boolean): ProviderFailed {
    directory.failed(provider, { refused })
    metrics.attempt('failed')
    const late = error instanceof Error && error.name === 'TimeoutError'
    const message = late
      ? 'The provider did not answer in time.'
      : 'No provider of this model could answer. Try again in a moment.'
    return new ProviderFailed(
      new OpenAiError({
        status: late ? 504 : 503,
        message,
        code: late ? 'provider_timeout' : 'provider_unavailable',
        retryAfterMs: 1000,
      }),
      error,
    )
  }

  return {
    async ask(provider, asked) {
      let startMs = 0
      let answer: HttpAnswer
      try {
        const authorization = await sessions.header(provider.service.provider)
        // A token is signed once in hours; that is not the provider's time.
        startMs = clock.monotonicMs()
        answer = await send(provider, asked, authorization)
      } catch (error) {
        if (asked.signal.aborted) throw error
        throw failure(provider, error, error instanceof ServerUnreachable && error.refused)
      }
      if (answer.status === 200) {
        const answerId = answer.headers['zg-res-key']
        if (answerId === undefined || !/^[\w.:-]{1,200}$/.test(answerId)) {
          answer.body.finish()
          throw failure(provider, new Error('no answer id'), false)
        }
        directory.succeeded(provider, clock.monotonicMs() - startMs)
        metrics.attempt('ok')
        return { ...answer, answerId }
      }
      const refusal = await readRefusal(answer).catch((error) => {
        if (asked.signal.aborted) throw error
        throw failure(provider, error, false)
      })
      if (refusal.status === 401) sessions.forget(provider.service.provider)
      if (OUR_MONEY.has(refusal.fields.code ?? '')) deps.onEmpty(provider.service.provider)
      else if (!RETRYABLE.has(refusal.status)) {
        metrics.attempt('refused')
        throw refusal
      }
      // Too much to do is no sign of illness: the circuit stays closed.
      if (refusal.status >= 500) directory.failed(provider, { refused: false })
      metrics.attempt('failed')
      throw new ProviderFailed(hidden(refusal), refusal)
    },
  }
}

/** What went wrong between us and a provider is not the client's business, and never a 401 of theirs. */
function hidden({ status, fields }: OpenAiError): OpenAiError {
  const busy = status === 429 || status === 503
  return new OpenAiError({
    status: 503,
    message: busy
      ? 'The providers of this model have too much to do. Try again in a moment.'
      : 'No provider of this model could answer.',
    code: busy ? 'overloaded' : 'provider_unavailable',
    retryAfterMs: fields.retryAfterMs ?? 1000,
  })
}

/** OpenAI's error form, or 0G's `{"error": "text"}`. */
async function readRefusal(answer: HttpAnswer): Promise<OpenAiError> {
  const text = await readText(answer, ERROR_BYTES_MAX)
  const retry = Number(answer.headers['retry-after'])
  const retryAfterMs = Number.isFinite(retry) && retry > 0 ? { retryAfterMs: Math.min(retry * 1000, 60_000) } : {}
  const status = statusOf(answer.status)
  let error: unknown
  try {
    const value: unknown = JSON.parse(text)
    error = isObject(value) ? value.error : undefined
  } catch {
    error = undefined
  }
  if (!isObject(error)) {
    const message = typeof error === 'string' ? error.slice(0, 500) : 'The provider refused the request.'
    return new OpenAiError({ status, message, ...retryAfterMs })
  }
  return new OpenAiError({
    status,
    message: typeof error.message === 'string' ? error.message.slice(0, 1000) : 'The provider refused the request.',
    ...(typeof error.param === 'string' ? { param: error.param.slice(0, 200) } : {}),
    ...(typeof error.code === 'string' ? { code: error.code.slice(0, 100) } : {}),
    ...retryAfterMs,
  })
}

function statusOf(status: number): OpenAiError['status'] {
  const known = [400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 501, 502, 503, 504] as const
  return known.find((one) => one === status) ?? (status >= 500 ? 502 : 400)
}
