import { ZerogError } from '@zerog/primitives'
import { cancelled, fromJsonRpcError, fromProblem } from '../errors.ts'
import type { Endpoints } from '../networks.ts'
import type { Face, RestRequest, Transport } from './transport.ts'

const TIMEOUT_MS = 60_000

/** JSON-RPC over `fetch`: browsers and Node alike. One answer per request, a deadline on each. */
export function httpTransport(
  endpoints: Endpoints,
  options: { readonly timeoutMs?: number; readonly fetch?: typeof fetch } = {},
): Transport {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  const send = options.fetch ?? fetch
  const urls: Record<Face, string> = { rpc: endpoints.rpcUrl, storage: endpoints.nodeUrl, indexer: endpoints.indexerUrl }
  let nextId = 1

  /** fetch whose failures are typed. */
  async function reach(
    request: { readonly url: string; readonly what: string; readonly init: RequestInit },
    { signal, timeoutMs: limitMs = timeoutMs }: { readonly signal?: AbortSignal; readonly timeoutMs?: number },
  ): Promise<Response> {
    const { url, what, init } = request
    const deadline = AbortSignal.timeout(limitMs)
    try {
      return await send(url, { ...init, signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]) })
    } catch (error) {
      if (signal?.aborted) throw cancelled(signal)
      if (deadline.aborted) {
        throw new ZerogError('DEADLINE_EXCEEDED', {
          message: `${what} at ${url} gave no answer within ${limitMs} ms`,
          cause: error,
        })
      }
      throw new ZerogError('DEPENDENCY_UNAVAILABLE', {
        message: `cannot reach ${url} (${causeOf(error)}); check that the network runs and the URL is right`,
        metadata: { url, method: what },
        cause: error,
      })
    }
  }

  return {
    async request(face, { method, params }, options = {}) {
      const url = urls[face]
      const call = { jsonrpc: '2.0', id: nextId++, method, params: params ?? [] }
      const headers = { 'content-type': 'application/json' }
      const init = { method: 'POST', headers, body: JSON.stringify(call) }
      const response = await reach({ url, what: method, init }, options)
      const text = await response.text().catch((cause: unknown) => {
        if (options.signal?.aborted) throw cancelled(options.signal)
        throw new ZerogError('DEPENDENCY_UNAVAILABLE', { message: `the answer of ${url} broke off (${causeOf(cause)})`, cause })
      })
      return resultOf(text, { url, method, status: response.status })
    },

    async rest(request, options = {}) {
      const url = restUrl(endpoints, request)
      const { method = 'GET', headers = {}, body } = request
      // `as`: a Uint8Array is a body in every runtime; the types exclude those over shared memory.
      const init = { method, headers: { ...headers }, ...(body === undefined ? {} : { body: body as BodyInit }) }
      const response = await reach({ url, what: `${method} ${request.path}`, init }, options)
      if (response.status < 400) return response
      throw fromProblem(await response.text().catch(() => ''), { url, status: response.status })
    },
  }
}

function restUrl({ gatewayUrl }: Endpoints, { path, query = {} }: RestRequest): string {
  if (gatewayUrl === undefined) {
    throw new ZerogError('CONFIG_INVALID', {
      message: `${path} is a face of the gateway, and the endpoints of this client name none; make them with gatewayEndpoints(url)`,
    })
  }
  const pairs = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]))
  return `${gatewayUrl.replace(/\/+$/, '')}${path}${pairs.length === 0 ? '' : `?${new URLSearchParams(pairs)}`}`
}

function resultOf(text: string, context: { readonly url: string; readonly method: string; readonly status: number }): unknown {
  const answer = parse(text)
  if (isObject(answer)) {
    if (isObject(answer.error)) throw fromJsonRpcError(answer.error, context.method)
    // Servers that speak no JSON-RPC also say "error" at times, as a text: that is no answer.
    if ('result' in answer) return answer.result
  }
  throw new ZerogError('DEPENDENCY_UNAVAILABLE', {
    message:
      context.status === 404
        ? `${context.url} does not serve ${context.method}: a devnet with --chain-only has no storage; else check the URL`
        : `${context.url} answered ${context.method} with HTTP ${context.status} and no JSON-RPC; is it the right endpoint?`,
    metadata: { url: context.url, method: context.method },
  })
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code
  return cause instanceof Error ? cause.message : String(cause)
}
