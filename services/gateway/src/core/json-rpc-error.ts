import { ZerogError } from '@zerog/primitives'
import type { JsonRpcError } from './envelope.ts'

/** The JSON-RPC error of a failure of the gateway itself: -32000 with the reason, -32005 for limits, -32603 for our bugs. */
export function toJsonRpcError(error: unknown, requestId: string): JsonRpcError {
  if (!(error instanceof ZerogError)) {
    return { code: -32603, message: 'internal error', data: { reason: 'INTERNAL', requestId } }
  }
  const data = { reason: error.reason, requestId }
  switch (error.status) {
    case 'INTERNAL':
      return { code: -32603, message: 'internal error', data }
    case 'RESOURCE_EXHAUSTED':
      return { code: -32005, message: error.message, data: { ...data, retryAfterMs: error.retryAfterMs } }
    case 'INVALID_ARGUMENT':
      return { code: error.reason === 'LIMIT_EXCEEDED' ? -32005 : -32600, message: error.message, data }
    default:
      return { code: -32000, message: error.message, data }
  }
}
