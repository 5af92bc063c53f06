import { decodeTransaction, type Transaction } from '@zerog/evm'
import { fromHex, type Hex, isHex, REASONS, type Reason, toHex, ZerogError } from '@zerog/primitives'
import type { ChainBackend, Submitted } from './chain-backend.ts'

/**
 * What a replica asks its validator: JSON-RPC 2.0 requests with methods of our own, so that geth's error texts of the pool
 * reach the replica's caller unchanged. `id` is always 1.
 */
export type PendingMethod = 'zerog_submit' | 'zerog_submitAll' | 'zerog_pendingNonce' | 'zerog_pooled' | 'zerog_poolContent'

export function encodePendingRequest(method: PendingMethod, params: readonly Hex[]): Uint8Array {
  return encodeJson({ jsonrpc: '2.0', id: 1, method, params })
}

/** Answers one request on the validator; a refusal is part of the answer. */
export async function answerPending(backend: ChainBackend, body: Uint8Array): Promise<Uint8Array> {
  const { method, params } = readRequest(body)
  try {
    return encodeJson({ jsonrpc: '2.0', id: 1, result: await run(backend, method, params) })
  } catch (error) {
    if (!(error instanceof ZerogError)) throw error
    return encodeJson({ jsonrpc: '2.0', id: 1, error: errorItem(error) })
  }
}

function errorItem({ message, reason, metadata }: ZerogError) {
  return { code: -32000, message, data: { reason, metadata } }
}

/** The result of an answer; throws the ZerogError that it carries. */
export function decodePendingAnswer(body: Uint8Array): unknown {
  const answer = parse(body)
  if (!isRecord(answer)) throw malformed('the answer is not an object')
  if (!isRecord(answer.error)) return answer.result
  throw errorOf(answer.error)
}

/** The outcomes in an answer to `zerog_submitAll`, one for each of `count` transactions. */
export function decodeSubmitted(result: unknown, count: number): Submitted[] {
  if (!Array.isArray(result) || result.length !== count) throw malformed('one outcome for each transaction was expected')
  return result.map((item: unknown) => {
    if (typeof item === 'string' && isHex(item, 32)) return { hash: item }
    if (isRecord(item)) return { error: errorOf(item) }
    throw malformed('an outcome is neither hash nor error')
  })
}

function errorOf(error: Readonly<Record<string, unknown>>): ZerogError {
  const { message, data } = error
  const details = isRecord(data) ? data : {}
  const reason = typeof details.reason === 'string' && details.reason in REASONS ? (details.reason as Reason) : 'INTERNAL'
  const metadata = isRecord(details.metadata) ? (details.metadata as Record<string, string>) : {}
  return new ZerogError(reason, { message: String(message), metadata })
}

/** Transactions as the validator sends them; their senders are recovered again. */
export function decodePooled(value: unknown, chainId: bigint): Transaction[] {
  if (!Array.isArray(value)) throw malformed('a list of transactions was expected')
  return value.map((raw) => {
    if (typeof raw !== 'string' || !isHex(raw)) throw malformed('a transaction is not hexadecimal')
    return decodeTransaction(fromHex(raw), { chainId })
  })
}

async function run(backend: ChainBackend, method: string, params: readonly unknown[]): Promise<unknown> {
  const argument = (length?: number): Hex => {
    const [value] = params
    if (typeof value !== 'string' || !isHex(value, length)) throw malformed(`${method}: argument 0 must be hexadecimal`)
    return value.toLowerCase() as Hex
  }
  switch (method) {
    case 'zerog_submit':
      return backend.submit(fromHex(argument()))
    case 'zerog_submitAll': {
      const raws = params.map((value) => {
        if (typeof value !== 'string' || !isHex(value)) throw malformed(`${method}: the arguments must be hexadecimal`)
        return fromHex(value)
      })
      return (await backend.submitAll(raws)).map((submitted) => {
        if ('hash' in submitted) return submitted.hash
        if (submitted.error instanceof ZerogError) return errorItem(submitted.error)
        throw submitted.error
      })
    }
    case 'zerog_pendingNonce':
      return `0x${(await backend.pendingNonce(argument(20))).toString(16)}`
    case 'zerog_pooled': {
      const found = await backend.pooled(argument(32))
      return found === undefined ? [] : [toHex(found.raw)]
    }
    case 'zerog_poolContent': {
      const { pending, queued } = await backend.poolContent()
      return { pending: pending.map(({ raw }) => toHex(raw)), queued: queued.map(({ raw }) => toHex(raw)) }
    }
    default:
      throw malformed(`the method ${method} does not exist`)
  }
}

function readRequest(body: Uint8Array): { readonly method: string; readonly params: readonly unknown[] } {
  const request = parse(body)
  if (!isRecord(request) || typeof request.method !== 'string' || !Array.isArray(request.params)) {
    throw malformed('a JSON-RPC request with method and params was expected')
  }
  return { method: request.method, params: request.params }
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (cause) {
    throw new ZerogError('INVALID_ARGUMENT', { message: 'pending: the body is not JSON', cause })
  }
}

function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function malformed(problem: string): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message: `pending: ${problem}` })
}
