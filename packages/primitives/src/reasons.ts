/** The canonical status codes of gRPC that we use, with the HTTP status each one becomes at an HTTP face. */
export const HTTP_STATUS = {
  INVALID_ARGUMENT: 400,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  FAILED_PRECONDITION: 409,
  ABORTED: 409,
  RESOURCE_EXHAUSTED: 429,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
  INTERNAL: 500,
  DATA_LOSS: 500,
  UNIMPLEMENTED: 501,
} as const

export type Status = keyof typeof HTTP_STATUS

/** The registry of reasons. Each has a page docs/errors/<REASON>.md with cause and fix (checked by `npm test`). */
export const REASONS = {
  INVALID_ARGUMENT: { status: 'INVALID_ARGUMENT' },
  CONFIG_INVALID: { status: 'INVALID_ARGUMENT' },
  LIMIT_EXCEEDED: { status: 'INVALID_ARGUMENT' },
  NOT_FOUND: { status: 'NOT_FOUND' },
  ALREADY_EXISTS: { status: 'ALREADY_EXISTS' },
  WRONG_STATE: { status: 'FAILED_PRECONDITION' },
  DATA_FOLDER_IN_USE: { status: 'FAILED_PRECONDITION' },
  DATA_FOLDER_DAMAGED: { status: 'DATA_LOSS' },
  RECORD_CORRUPT: { status: 'DATA_LOSS' },
  MODEL_INVALID: { status: 'INVALID_ARGUMENT' },
  DISK_FULL: { status: 'RESOURCE_EXHAUSTED' },
  PORT_IN_USE: { status: 'FAILED_PRECONDITION' },
  FENCED: { status: 'ABORTED' },
  QUEUE_FULL: { status: 'RESOURCE_EXHAUSTED' },
  RATE_LIMITED: { status: 'RESOURCE_EXHAUSTED' },
  UNAUTHENTICATED: { status: 'UNAUTHENTICATED' },
  IDENTITY_NOT_ALLOWED: { status: 'PERMISSION_DENIED' },
  DEPENDENCY_UNAVAILABLE: { status: 'UNAVAILABLE' },
  SHUTTING_DOWN: { status: 'UNAVAILABLE' },
  REPLICA_BEHIND: { status: 'UNAVAILABLE' },
  DEADLINE_EXCEEDED: { status: 'DEADLINE_EXCEEDED' },
  CANCELLED: { status: 'ABORTED' },
  INTERNAL: { status: 'INTERNAL' },
  UNIMPLEMENTED: { status: 'UNIMPLEMENTED' },
  TRANSACTION_REFUSED: { status: 'FAILED_PRECONDITION' },
  PROOF_INVALID: { status: 'INVALID_ARGUMENT' },
  ENCODING_INVALID: { status: 'INVALID_ARGUMENT' },
  PAYLOAD_INVALID: { status: 'DATA_LOSS' },
  BUNDLE_EXPIRED: { status: 'NOT_FOUND' },
  ROWS_INSUFFICIENT: { status: 'FAILED_PRECONDITION' },
  VERIFICATION_FAILED: { status: 'DATA_LOSS' },
  UPLOAD_INCOMPLETE: { status: 'FAILED_PRECONDITION' },
  INSUFFICIENT_FUNDS: { status: 'FAILED_PRECONDITION' },
  INSUFFICIENT_SIGNATURES: { status: 'FAILED_PRECONDITION' },
  CERTIFICATE_TOO_LATE: { status: 'FAILED_PRECONDITION' },
} as const satisfies Record<string, { status: Status }>

export type Reason = keyof typeof REASONS
