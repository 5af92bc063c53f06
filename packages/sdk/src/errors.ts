import { REASONS, type Reason, ZerogError } from '@zerog/primitives'
import {
  BaseError,
  BlockNotFoundError,
  ContractFunctionRevertedError,
  ExecutionRevertedError,
  HttpRequestError,
  InsufficientFundsError,
  InvalidAddressError,
  RpcRequestError,
  TimeoutError,
  TransactionNotFoundError,
  TransactionReceiptNotFoundError,
  WaitForTransactionReceiptTimeoutError,
} from 'viem'

export { ZerogError }

/** What the caller's abort becomes, wherever it is noticed. */
export function cancelled(signal: AbortSignal): ZerogError {
  if (signal.reason instanceof ZerogError) return signal.reason
  return new ZerogError('CANCELLED', { message: 'the caller cancelled the operation', cause: signal.reason })
}

export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancelled(signal)
}

/** The error object of a JSON-RPC answer as a typed error; our gateways put the reason into `data.reason`. */
export function fromJsonRpcError(
  error: { readonly code?: unknown; readonly message?: unknown; readonly data?: unknown },
  method: string,
): ZerogError {
  const text = typeof error.message === 'string' ? error.message : 'the server gave no reason'
  const detail = typeof error.data === 'string' ? `${text}: ${error.data}` : text
  const metadata = { method, code: String(error.code), ...requestIdOf(error.data) }
  return new ZerogError(reasonOf(error, detail), { message: detail, metadata })
}

/** The problem document (RFC 9457) of a REST answer as a typed error; an answer of somebody else as an outage. */
export function fromProblem(text: string, context: { readonly url: string; readonly status: number }): ZerogError {
  const { url, status } = context
  try {
    const { reason, detail, requestId } = JSON.parse(text) as Readonly<Record<string, unknown>> // anything but an object has no reason
    if (typeof reason === 'string' && reason in REASONS) {
      const message = typeof detail === 'string' ? detail : `HTTP ${status}`
      const metadata = { url, ...(typeof requestId === 'string' ? { requestId } : {}) }
      return new ZerogError(reason as Reason, { message, metadata }) // membership was just checked
    }
  } catch {
    // not ours
  }
  return new ZerogError('DEPENDENCY_UNAVAILABLE', {
    message: `${url} answered with HTTP ${status} and no problem document; is it a gateway of zerog?`,
    metadata: { url },
  })
}

function reasonOf(error: { readonly code?: unknown; readonly data?: unknown }, detail: string): Reason {
  const named = typeof error.data === 'object' && error.data !== null && 'reason' in error.data ? error.data.reason : undefined
  if (typeof named === 'string' && named in REASONS) return named as Reason // membership was just checked
  if (detail.includes('too many data writing')) return 'QUEUE_FULL'
  if (detail.includes('insufficient funds')) return 'INSUFFICIENT_FUNDS'
  if (error.code === -32602 || error.code === -32600 || error.code === -32700 || error.code === -32601) return 'INVALID_ARGUMENT'
  if (error.code === -32005) return 'RATE_LIMITED'
  if (error.code === -32002) return 'DEADLINE_EXCEEDED'
  if (error.code === 3) return 'TRANSACTION_REFUSED'
  return error.code === -32603 ? 'INTERNAL' : 'WRONG_STATE'
}

function requestIdOf(data: unknown): { readonly requestId?: string } {
  const id = typeof data === 'object' && data !== null && 'requestId' in data ? data.requestId : undefined
  return typeof id === 'string' ? { requestId: id } : {}
}

/** viem's errors in our registry, so that callers switch on one `reason`; anything that is no viem error passes unchanged. */
export function fromViemError(error: unknown): unknown {
  if (!(error instanceof BaseError)) return error
  const own = error.walk((cause) => cause instanceof ZerogError)
  if (own instanceof ZerogError) return own
  const has = (...kinds: readonly (new (...args: never[]) => Error)[]): boolean =>
    kinds.some((kind) => error.walk((cause) => cause instanceof kind) !== null)
  const make = (reason: Reason, message = error.details || error.shortMessage): ZerogError =>
    new ZerogError(reason, { message, cause: error })
  if (has(InsufficientFundsError) || error.details?.includes('insufficient funds')) return make('INSUFFICIENT_FUNDS')
  if (has(ContractFunctionRevertedError, ExecutionRevertedError)) return make('TRANSACTION_REFUSED', revertText(error))
  if (has(TransactionNotFoundError, TransactionReceiptNotFoundError, BlockNotFoundError))
    return make('NOT_FOUND', error.shortMessage)
  if (has(WaitForTransactionReceiptTimeoutError, TimeoutError)) return make('DEADLINE_EXCEEDED')
  if (has(HttpRequestError)) return make('DEPENDENCY_UNAVAILABLE')
  if (has(InvalidAddressError)) return make('INVALID_ARGUMENT', error.shortMessage)
  const answer = error.walk((cause) => cause instanceof RpcRequestError)
  if (answer instanceof RpcRequestError)
    return fromJsonRpcError({ code: answer.code, message: answer.details, data: answer.data }, '')
  return make('TRANSACTION_REFUSED')
}

function revertText(error: BaseError): string {
  const reverted = error.walk((cause) => cause instanceof ContractFunctionRevertedError)
  if (!(reverted instanceof ContractFunctionRevertedError)) return error.details || error.shortMessage
  const named =
    reverted.data === undefined ? reverted.reason : `${reverted.data.errorName}(${(reverted.data.args ?? []).join(', ')})`
  return `the contract refused the transaction: ${named ?? reverted.signature ?? 'no reason given'}`
}
