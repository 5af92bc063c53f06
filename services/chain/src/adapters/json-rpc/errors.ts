import { type Reason, ZerogError } from '@zerog/primitives'

/** JSON-RPC 2.0, EIP-1474 and geth's own codes. */
export const CODE = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  server: -32000,
  timeout: -32002,
  responseTooLarge: -32003,
  limitExceeded: -32005,
  /** `eth_call` and `eth_estimateGas` of something that reverts: `data` is what it reverted with. */
  reverted: 3,
  /** EIP-7966: accepted, but not in a block before the wait ended. */
  syncTimeout: 4,
} as const

/** An answer that is an error: what the caller sees, nothing else. */
export class JsonRpcError extends Error {
  override readonly name = 'JsonRpcError'
  readonly code: number
  readonly data: unknown

  constructor(code: number, message: string, data?: unknown) {
    super(message)
    this.code = code
    this.data = data
  }
}

export function invalidParams(message: string): JsonRpcError {
  return new JsonRpcError(CODE.invalidParams, message)
}

export function serverError(message: string): JsonRpcError {
  return new JsonRpcError(CODE.server, message)
}

export function limitExceeded(message: string): JsonRpcError {
  return new JsonRpcError(CODE.limitExceeded, message)
}

/** `hint` says how the method could come into being, e.g. by a flag of `zerog up`. */
export function methodNotFound(method: string, hint?: string): JsonRpcError {
  const shown = method.length > 100 ? `${method.slice(0, 100)}...` : method
  const text = `the method ${shown} does not exist/is not available`
  return new JsonRpcError(CODE.methodNotFound, hint === undefined ? text : `${text}: ${hint}`)
}

export function timedOut(): JsonRpcError {
  return new JsonRpcError(CODE.timeout, 'request timed out')
}

const CODE_OF_REASON: Partial<Record<Reason, number>> = {
  DEADLINE_EXCEEDED: CODE.timeout,
  LIMIT_EXCEEDED: CODE.limitExceeded,
  QUEUE_FULL: CODE.limitExceeded,
  RATE_LIMITED: CODE.limitExceeded,
}

/** Goes away by itself: clients must tell it from a refusal, which does not. Refusals stay as geth words them. */
const PASSING: ReadonlySet<string> = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED'])

/**
 * What the caller sees of any failure. Messages of `ZerogError` are written for callers; everything else is our bug and
 * shows only `requestId`, under which the cause stands in the log.
 */
export function toJsonRpcError(error: unknown, requestId: string): JsonRpcError {
  if (error instanceof JsonRpcError) return error
  if (error instanceof ZerogError && error.status !== 'INTERNAL' && error.status !== 'DATA_LOSS') {
    const data = PASSING.has(error.status) ? { reason: error.reason } : undefined
    return new JsonRpcError(CODE_OF_REASON[error.reason] ?? CODE.server, error.message, data)
  }
  return new JsonRpcError(CODE.internal, `internal error (request ${requestId})`)
}
