import { ZerogError } from '@zerog/primitives'

/** A JSON-RPC error in the words of 0G's node and indexer, on which its clients match. */
export class FaceError extends Error {
  override readonly name = 'FaceError'
  readonly code: number
  readonly data: unknown

  constructor(code: number, message: string, data?: unknown) {
    super(message)
    this.code = code
    this.data = data
  }
}

/** `Invalid params: <parameter>` with the problem as data, as 0g-storage-node says it (node/rpc/src/error.rs). */
export function invalidParams(parameter: string, problem: string): FaceError {
  return new FaceError(-32602, `Invalid params: ${parameter}`, problem)
}

/** What its node throws without a code of its own. */
export function executionFailed(message: string): FaceError {
  return new FaceError(-32000, message)
}

export function toFaceError(error: unknown): FaceError {
  if (error instanceof FaceError) return error
  if (!(error instanceof ZerogError) || error.status === 'INTERNAL') return new FaceError(-32603, 'Internal error')
  const { parameter, problem } = error.metadata
  if (problem === 'data is empty') return executionFailed(problem)
  if (parameter !== undefined && problem !== undefined) return invalidParams(parameter, problem)
  if (problem !== undefined) return new FaceError(-32603, 'Internal error', problem)
  // The words are what makes 0G's clients try again.
  if (isPassing(error)) return new FaceError(-32000, `too many data writing: ${error.message}`, { reason: error.reason })
  return new FaceError(-32000, error.message, { reason: error.reason })
}

/** Goes away by itself: an upload is worth another try. */
export function isPassing(error: unknown): boolean {
  return error instanceof ZerogError && ['RESOURCE_EXHAUSTED', 'UNAVAILABLE', 'DEADLINE_EXCEEDED'].includes(error.status)
}
