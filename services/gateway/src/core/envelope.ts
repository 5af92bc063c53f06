import { fromHex, type Hex, isHex, keccak256, toHex } from '@zerog/primitives'

/** What the gateway must know of a JSON-RPC body; the methods themselves belong to the chain. */
export type Envelope = {
  /** Where it must run: any chain instance may answer, only the validator holds what it needs, or it is for the storage layer. */
  readonly route: 'any' | 'validator' | 'storage'
  /**
   * What sending it twice means. free: the same as once; by_hash: the same, but a signed transaction that was taken is refused the second
   * time, and its hash tells which it was; never: another effect or answer.
   */
  readonly repeat: 'free' | 'by_hash' | 'never'
}

/** Filters live in the instance that made them, and nonces of node-signed transactions are counted in one place. */
const VALIDATOR_METHODS = new Set([
  'eth_newFilter',
  'eth_newBlockFilter',
  'eth_newPendingTransactionFilter',
  'eth_getFilterChanges',
  'eth_getFilterLogs',
  'eth_uninstallFilter',
  'eth_sendTransaction',
  'eth_fillTransaction',
])
/** 0G's storage methods, for clients that know one URL only. */
const STORAGE_PREFIXES = ['zgs_', 'indexer_']
const DEVELOPMENT_PREFIXES = ['evm_', 'hardhat_', 'anvil_']
const SEND_SIGNED = 'eth_sendRawTransaction'
/** Running these twice has another effect or answer than running them once. */
const ONCE_METHODS = new Set([
  'eth_sendTransaction',
  'eth_sendRawTransactionSync',
  'eth_getFilterChanges',
  'eth_newFilter',
  'eth_newBlockFilter',
  'eth_newPendingTransactionFilter',
  'eth_uninstallFilter',
])

/** Reads the methods of a request or batch. A body that is no JSON goes anywhere: the chain words that error. */
export function readEnvelope(body: Uint8Array): Envelope {
  const methods = callsOf(parse(body)).map(methodOf)
  const hasPrefix = (prefixes: readonly string[]) => (method: string) => prefixes.some((prefix) => method.startsWith(prefix))
  if (methods.length > 0 && methods.every(hasPrefix(STORAGE_PREFIXES))) return { route: 'storage', repeat: 'free' }
  const development = methods.some(hasPrefix(DEVELOPMENT_PREFIXES))
  return {
    route: development || methods.some((method) => VALIDATOR_METHODS.has(method)) ? 'validator' : 'any',
    repeat:
      development || methods.some((method) => ONCE_METHODS.has(method))
        ? 'never'
        : methods.includes(SEND_SIGNED)
          ? 'by_hash'
          : 'free',
  }
}

/** Hashes of the signed transactions of a body, by the place of their answers in its answer. */
export function sentHashes(body: Uint8Array): ReadonlyMap<number, Hex> {
  const hashes = new Map<number, Hex>()
  let place = 0
  for (const call of callsOf(parse(body))) {
    if (idOf(call) === undefined) continue
    const [raw] = methodOf(call) === SEND_SIGNED ? paramsOf(call) : []
    if (typeof raw === 'string' && isHex(raw) && raw.length % 2 === 0) hashes.set(place, toHex(keccak256(fromHex(raw))))
    place++
  }
  return hashes
}

/** Places of those answers that are errors. */
export function refusals(answer: Uint8Array): readonly number[] {
  return callsOf(parse(answer)).flatMap((one, place) => (hasError(one) ? [place] : []))
}

/** The same answer with results in these places; ids stay exactly as they were written. */
export function withResults(answer: Uint8Array, results: ReadonlyMap<number, unknown>): string {
  const parsed = parse(answer, true)
  const answers = callsOf(parsed).map((one, place) =>
    results.has(place) ? { jsonrpc: '2.0', id: idOf(one) ?? null, result: results.get(place) } : one,
  )
  return JSON.stringify(Array.isArray(parsed) ? answers : answers[0])
}

function hasError(answer: unknown): boolean {
  return typeof answer === 'object' && answer !== null && 'error' in answer
}

function paramsOf(call: unknown): readonly unknown[] {
  const params = typeof call === 'object' && call !== null && 'params' in call ? call.params : undefined
  return Array.isArray(params) ? params : []
}

export type JsonRpcError = { readonly code: number; readonly message: string; readonly data?: unknown }

/**
 * The answer when the gateway itself must refuse a body: one error per call, ids exactly as they were written (a 17-digit
 * number keeps its digits). Notifications get no answer; a body that is no JSON gets one error with id null.
 */
export function errorBody(body: Uint8Array, error: JsonRpcError): string {
  const parsed = parse(body, true)
  const answers = callsOf(parsed)
    .map(idOf)
    .filter((id) => id !== undefined)
    .map((id) => ({ jsonrpc: '2.0', id, error }))
  if (Array.isArray(parsed) && answers.length > 0) return JSON.stringify(answers)
  return JSON.stringify(answers[0] ?? { jsonrpc: '2.0', id: null, error })
}

/** JSON.parse hands the source text of a number to its reviver, and JSON.rawJSON prints it unchanged (ES2026, in V8 already). */
type SourceReviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON

const keepIdText: SourceReviver = (key, value, context) =>
  key === 'id' && typeof value === 'number' && context.source !== undefined ? rawJson(context.source) : value

function parse(body: Uint8Array, keepIds = false): unknown {
  const text = new TextDecoder().decode(body)
  try {
    // `as`: the library types do not know the third argument of a reviver yet.
    return keepIds ? JSON.parse(text, keepIdText as (key: string, value: unknown) => unknown) : JSON.parse(text)
  } catch {
    return undefined
  }
}

function callsOf(parsed: unknown): readonly unknown[] {
  return Array.isArray(parsed) ? parsed : [parsed]
}

function methodOf(call: unknown): string {
  const method = typeof call === 'object' && call !== null && 'method' in call ? call.method : undefined
  return typeof method === 'string' ? method : ''
}

function idOf(call: unknown): unknown {
  if (typeof call !== 'object' || call === null) return null
  if (!('id' in call)) return undefined
  // An id is a string, a number or null; anything else is answered with null, as the standard asks for an unreadable id.
  return typeof call.id === 'object' && call.id !== null && !isRawJson(call.id) ? null : call.id
}

function isRawJson(value: unknown): boolean {
  return (JSON as unknown as { isRawJSON(value: unknown): boolean }).isRawJSON(value)
}
