import { CODE, JsonRpcError } from './errors.ts'
import { rawIds } from './raw-ids.ts'

/** One request as far as its frame goes; `params` is any JSON value. */
export type Call = {
  /** As it stood in the request; undefined for a notification, which is executed and not answered. */
  readonly rawId: string | undefined
  readonly method: string
  readonly params: unknown
}

/** An item of a body that is not a request, with what to answer. */
export type Malformed = { readonly rawId: string; readonly error: JsonRpcError }

export type Body = { readonly batch: boolean; readonly items: readonly (Call | Malformed)[] }

const decoder = new TextDecoder('utf-8', { fatal: true })

/** Reads one HTTP body or WebSocket frame. Throws -32700 if it is not JSON in UTF-8; all other faults are items. */
export function parseBody(bytes: Uint8Array): Body {
  let text: string
  let value: unknown
  try {
    text = decoder.decode(bytes)
    value = JSON.parse(text)
  } catch {
    throw new JsonRpcError(CODE.parse, 'parse error')
  }
  const ids = rawIds(text)
  if (!Array.isArray(value)) return { batch: false, items: [parseItem(value, ids[0])] }
  return { batch: true, items: value.map((item, index) => parseItem(item, ids[index])) }
}

export function isCall(item: Call | Malformed): item is Call {
  return 'method' in item
}

function parseItem(value: unknown, rawId: string | undefined): Call | Malformed {
  // geth answers a request whose id is a structure as if it had none.
  const structured = rawId !== undefined && (rawId.startsWith('{') || rawId.startsWith('['))
  if (typeof value !== 'object' || value === null || Array.isArray(value) || structured) return malformed('null')
  const request = value as { readonly jsonrpc?: unknown; readonly method?: unknown; readonly params?: unknown }
  if (request.jsonrpc !== '2.0' || typeof request.method !== 'string' || request.method === '') return malformed(rawId ?? 'null')
  return { rawId, method: request.method, params: request.params }
}

function malformed(rawId: string): Malformed {
  return { rawId, error: new JsonRpcError(CODE.invalidRequest, 'invalid request') }
}

/** `{"jsonrpc":"2.0","id":…,"result":…}`; `result` has no bigint, cycle or undefined at the top. */
export function resultText(rawId: string, result: unknown): string {
  return `{"jsonrpc":"2.0","id":${rawId},"result":${JSON.stringify(result ?? null)}}`
}

export function errorText(rawId: string, error: JsonRpcError): string {
  const body = { code: error.code, message: error.message, ...(error.data === undefined ? {} : { data: error.data }) }
  return `{"jsonrpc":"2.0","id":${rawId},"error":${JSON.stringify(body)}}`
}
