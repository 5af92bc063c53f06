import { type Reason, ZerogError } from '@zerog/primitives'
import type { Context } from '../client.ts'
import { cancelled } from '../errors.ts'

export type ComputeOptions = {
  /** Virtual key of the router, `sk-zerog-…`. */
  readonly apiKey: string
  readonly signal?: AbortSignal
  /** Another OpenAI-compatible URL than the gateway's. */
  readonly openaiUrl?: string
  readonly fetch?: typeof fetch
}

/** A call to the router. Failures are ZerogErrors with the code and the field that OpenAI's error form names. */
export async function callRouter(
  context: Context,
  request: { readonly path: string; readonly body?: Uint8Array; readonly headers?: Readonly<Record<string, string>> },
  options: ComputeOptions,
): Promise<Response> {
  const { gatewayUrl, rpcUrl } = context.endpoints
  const base = (options.openaiUrl ?? `${gatewayUrl ?? rpcUrl}/v1`).replace(/\/+$/, '')
  const url = `${base}${request.path}`
  let response: Response
  try {
    response = await (options.fetch ?? fetch)(url, {
      method: request.body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${options.apiKey}`, 'content-type': 'application/json', ...request.headers },
      // `as`: a Uint8Array is a body in every runtime; the types exclude those over shared memory.
      ...(request.body === undefined ? {} : { body: request.body as BodyInit }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    })
  } catch (cause) {
    if (options.signal?.aborted) throw cancelled(options.signal)
    throw new ZerogError('DEPENDENCY_UNAVAILABLE', { message: `cannot reach ${url}`, metadata: { url }, cause })
  }
  if (response.ok) return response
  throw await refusal(response)
}

export async function readJson(response: Response): Promise<any> {
  try {
    return await response.json()
  } catch (cause) {
    throw new ZerogError('DEPENDENCY_UNAVAILABLE', { message: 'the router answered with something that is no JSON', cause })
  }
}

const REASONS: Readonly<Record<number, Reason>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'IDENTITY_NOT_ALLOWED',
  404: 'NOT_FOUND',
  409: 'WRONG_STATE',
  413: 'LIMIT_EXCEEDED',
  422: 'INVALID_ARGUMENT',
  429: 'RATE_LIMITED',
  504: 'DEADLINE_EXCEEDED',
}

async function refusal(response: Response): Promise<ZerogError> {
  const text = await response.text().catch(() => '')
  let error: { message?: unknown; code?: unknown; param?: unknown } | undefined
  try {
    error = JSON.parse(text).error
  } catch {
    error = undefined
  }
  const code = typeof error?.code === 'string' ? error.code : undefined
  const seconds = Number(response.headers.get('retry-after'))
  const reason = code === 'insufficient_quota' ? 'INSUFFICIENT_FUNDS' : (REASONS[response.status] ?? 'DEPENDENCY_UNAVAILABLE')
  return new ZerogError(reason, {
    message: typeof error?.message === 'string' ? error.message : `the router answered ${response.status}`,
    metadata: {
      status: String(response.status),
      ...(code === undefined ? {} : { code }),
      ...(typeof error?.param === 'string' ? { param: error.param } : {}),
    },
    ...(seconds > 0 ? { retryAfterMs: seconds * 1000 } : {}),
  })
}
