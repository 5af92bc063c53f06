import { ZerogError } from '@zerog/primitives'
import { cancelled, fromJsonRpcError } from '../errors.ts'
import type { Endpoints } from '../networks.ts'
import type { Face, Transport } from './transport.ts'

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

  return {
    async request(face, { method, params }, { signal } = {}) {
      const url = urls[face]
      const deadline = AbortSignal.timeout(timeoutMs)
      const call = { jsonrpc: '2.0', id: nextId++, method, params: params ?? [] }
      try {
        const response = await send(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(call),
          signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
        })
        return resultOf(await response.text(), { url, method, status: response.status })
      } catch (error) {
        if (error instanceof ZerogError) throw error
        if (signal?.aborted) throw cancelled(signal)
        if (deadline.aborted) {
          throw new ZerogError('DEADLINE_EXCEEDED', {
            message: `${method} at ${url} gave no answer within ${timeoutMs} ms`,
            cause: error,
          })
        }
        throw new ZerogError('DEPENDENCY_UNAVAILABLE', {
          message: `cannot reach ${url} (${causeOf(error)}); check that the network runs and the URL is right`,
          metadata: { url, method },
          cause: error,
        })
      }
    },
  }
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
