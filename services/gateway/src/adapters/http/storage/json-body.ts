/** `JSON.parse` hands the source text of a number to its reviver, and `JSON.rawJSON` prints it unchanged (ES2026, in V8 already). */
type SourceReviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON
/** Top-level members stand before or behind the parameters, so an id is found here without reading a large body twice. */
const EDGE_CHARS = 400
const ID_PATTERN = /"id"\s*:\s*(-?[0-9][0-9.eE+-]*)/g

export type Call = {
  readonly method: string
  readonly params: readonly unknown[]
  /** As it was written; undefined for a notification. */
  readonly id: unknown
  /** The call is no JSON-RPC request. */
  readonly malformed?: boolean
}

export type ParsedBody = { readonly calls: readonly Call[]; readonly batch: boolean }

/** A request or batch with its ids exactly as written (17 digits of a float keep their digits). undefined: no JSON. */
export function parseBody(body: Uint8Array): ParsedBody | undefined {
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8')
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
    if (hasInexactId(parsed)) parsed = withExactId(parsed, text)
  } catch {
    return undefined
  }
  return Array.isArray(parsed) ? { calls: parsed.map(toCall), batch: true } : { calls: [toCall(parsed)], batch: false }
}

function toCall(value: unknown): Call {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { method: '', params: [], id: null, malformed: true }
  const { method, params, id } = value as Record<string, unknown> // an object was just checked
  const known = typeof id === 'object' && id !== null && !isRawJson(id) ? null : id
  if (typeof method !== 'string') return { method: '', params: [], id: known ?? null, malformed: true }
  if (params === undefined || params === null) return { method, params: [], id: known }
  if (!Array.isArray(params)) return { method, params: [], id: known, malformed: true }
  return { method, params, id: known }
}

function hasInexactId(parsed: unknown): boolean {
  const calls = Array.isArray(parsed) ? parsed : [parsed]
  return calls.some((call) => typeof call?.id === 'number' && !Number.isSafeInteger(call.id))
}

function withExactId(parsed: unknown, text: string): unknown {
  if (!Array.isArray(parsed)) {
    const call = parsed as { id: number } // hasInexactId found it
    for (const edge of [text.slice(0, EDGE_CHARS), text.slice(-EDGE_CHARS)]) {
      for (const [, source] of edge.matchAll(ID_PATTERN)) {
        if (source !== undefined && Number(source) === call.id) return { ...call, id: rawJson(source) }
      }
    }
  }
  const keep: SourceReviver = (key, value, { source }) =>
    key === 'id' && typeof value === 'number' && source !== undefined ? rawJson(source) : value
  // `as`: the library types do not know the third argument of a reviver yet.
  return JSON.parse(text, keep as (key: string, value: unknown) => unknown)
}

function isRawJson(value: unknown): boolean {
  return (JSON as unknown as { isRawJSON(value: unknown): boolean }).isRawJSON(value)
}
