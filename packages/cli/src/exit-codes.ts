import { REASONS, type Reason, type Status, ZerogError } from '@zerog/primitives'

/** Exit codes of `zerog`, part of the public interface. */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  notFound: 3,
  notAllowed: 4,
  temporary: 5,
  refused: 6,
  insufficientFunds: 7,
  partial: 8,
  verificationFailed: 9,
  timeout: 124,
  interrupted: 130,
} as const

const BY_REASON: Partial<Record<Reason, number>> = {
  CONFIG_INVALID: EXIT.usage,
  INVALID_ARGUMENT: EXIT.usage,
  PORT_IN_USE: EXIT.usage,
  DATA_FOLDER_IN_USE: EXIT.usage,
  INSUFFICIENT_FUNDS: EXIT.insufficientFunds,
  UPLOAD_INCOMPLETE: EXIT.partial,
  VERIFICATION_FAILED: EXIT.verificationFailed,
  PROOF_INVALID: EXIT.verificationFailed,
  RECORD_CORRUPT: EXIT.verificationFailed,
  DATA_FOLDER_DAMAGED: EXIT.verificationFailed,
  CANCELLED: EXIT.interrupted,
}

const BY_STATUS: Record<Status, number> = {
  INVALID_ARGUMENT: EXIT.refused,
  NOT_FOUND: EXIT.notFound,
  ALREADY_EXISTS: EXIT.refused,
  FAILED_PRECONDITION: EXIT.refused,
  ABORTED: EXIT.temporary,
  RESOURCE_EXHAUSTED: EXIT.temporary,
  UNAUTHENTICATED: EXIT.notAllowed,
  PERMISSION_DENIED: EXIT.notAllowed,
  UNAVAILABLE: EXIT.temporary,
  DEADLINE_EXCEEDED: EXIT.timeout,
  INTERNAL: EXIT.unexpected,
  UNIMPLEMENTED: EXIT.refused,
  DATA_LOSS: EXIT.verificationFailed,
}

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof ZerogError)) return EXIT.unexpected
  return BY_REASON[error.reason] ?? BY_STATUS[REASONS[error.reason].status]
}
