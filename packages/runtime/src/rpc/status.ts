import { REASONS, type Reason, type Status as StatusName, ZerogError } from '@zerog/primitives'
import { ErrorInfo, RetryInfo } from '@zerog/proto/google/error-details'
import { Status } from '@zerog/proto/google/status'
import {
  RETRY_AFTER_MS_MAX,
  STATUS_DETAILS_BYTES_MAX,
  STATUS_MESSAGE_CHARS_MAX,
  STATUS_METADATA_CHARS_MAX,
  STATUS_METADATA_ENTRIES_MAX,
} from '../limits.ts'

const DOMAIN = 'zerog'
const ERROR_INFO = 'type.googleapis.com/google.rpc.ErrorInfo'
const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo'

/** Numbers of the canonical codes, https://grpc.io/docs/guides/status-codes/. */
export const GRPC_CODE = {
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const satisfies Record<StatusName, number>

/** For an answer without our details: a proxy, another gRPC server, or the library itself speaks. */
const REASON_OF_CODE: Readonly<Record<number, Reason>> = {
  1: 'CANCELLED',
  3: 'INVALID_ARGUMENT',
  4: 'DEADLINE_EXCEEDED',
  5: 'NOT_FOUND',
  6: 'ALREADY_EXISTS',
  7: 'IDENTITY_NOT_ALLOWED',
  8: 'QUEUE_FULL',
  9: 'WRONG_STATE',
  10: 'FENCED',
  11: 'INVALID_ARGUMENT',
  12: 'UNIMPLEMENTED',
  14: 'DEPENDENCY_UNAVAILABLE',
  15: 'RECORD_CORRUPT',
  16: 'UNAUTHENTICATED',
}

/** `google.rpc.Status` with ErrorInfo and, under back-pressure, RetryInfo. Give it errors that passed `publicError` only. */
export function encodeStatus(error: ZerogError): Uint8Array {
  const details = [{ typeUrl: ERROR_INFO, value: Buffer.from(ErrorInfo.encode(errorInfo(error)).finish()) }]
  if (error.retryAfterMs !== undefined) {
    const retry = RetryInfo.encode({ retryDelay: durationOf(error.retryAfterMs) }).finish()
    details.push({ typeUrl: RETRY_INFO, value: Buffer.from(retry) })
  }
  const message = clipped(error.message)
  return Status.encode({ code: GRPC_CODE[error.status], message, details }).finish()
}

/** The error that `encodeStatus` described, or undefined for bytes that say nothing we understand. Never throws. */
export function decodeStatus(bytes: Uint8Array): ZerogError | undefined {
  if (bytes.length > STATUS_DETAILS_BYTES_MAX) return undefined
  try {
    const status = Status.decode(bytes)
    const packed = (typeUrl: string) => status.details.find((detail) => detail.typeUrl === typeUrl)?.value
    const info = packed(ERROR_INFO)
    if (info === undefined) return undefined
    const { reason, domain, metadata } = ErrorInfo.decode(info)
    if (domain !== DOMAIN) return undefined
    const retry = packed(RETRY_INFO)
    const retryAfterMs = retry === undefined ? undefined : millisecondsOf(RetryInfo.decode(retry).retryDelay)
    const known = isReason(reason)
    return new ZerogError(known ? reason : (REASON_OF_CODE[status.code] ?? 'INTERNAL'), {
      message: clipped(status.message),
      metadata: bounded(known ? metadata : { ...metadata, peerReason: reason }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    })
  } catch {
    return undefined
  }
}

/** For a gRPC status without details. */
export function errorOfCode(code: number, message: string, cause?: unknown): ZerogError {
  return new ZerogError(REASON_OF_CODE[code] ?? 'INTERNAL', { message: clipped(message), cause })
}

/** What a caller may see: INTERNAL (and anything that is no ZerogError) keeps its words for the log and shows the request id. */
export function publicError(error: unknown, requestId: string): ZerogError {
  if (error instanceof ZerogError && error.status !== 'INTERNAL') return error
  return new ZerogError('INTERNAL', {
    message: `internal error; the log of the called process has it under request id ${requestId}`,
    metadata: { requestId },
    cause: error,
  })
}

function errorInfo(error: ZerogError): ErrorInfo {
  return { reason: error.reason, domain: DOMAIN, metadata: bounded(error.metadata) }
}

/** A cut value could pass for a whole one (a hash, revert data), so an entry is kept entirely or named in `omitted`. */
function bounded(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const kept: Record<string, string> = {}
  const omitted: string[] = []
  let chars = 0
  for (const [key, value] of Object.entries(metadata)) {
    chars += key.length + value.length
    if (chars <= STATUS_METADATA_CHARS_MAX && Object.keys(kept).length < STATUS_METADATA_ENTRIES_MAX) kept[key] = value
    else {
      chars -= key.length + value.length
      omitted.push(key)
    }
  }
  if (omitted.length > 0) kept.omitted = omitted.join().slice(0, 256)
  return kept
}

function clipped(message: string): string {
  return message.length <= STATUS_MESSAGE_CHARS_MAX ? message : `${message.slice(0, STATUS_MESSAGE_CHARS_MAX - 1)}…`
}

function isReason(text: string): text is Reason {
  return Object.hasOwn(REASONS, text)
}

function durationOf(delayMs: number): { seconds: bigint; nanos: number } {
  const whole = Math.min(Math.max(Math.ceil(delayMs), 0), RETRY_AFTER_MS_MAX)
  return { seconds: BigInt(Math.floor(whole / 1000)), nanos: (whole % 1000) * 1_000_000 }
}

function millisecondsOf(duration: { seconds: bigint; nanos: number } | undefined): number | undefined {
  if (duration === undefined) return undefined
  const delayMs = Number(duration.seconds) * 1000 + Math.ceil(duration.nanos / 1_000_000)
  return Math.min(Math.max(delayMs, 0), RETRY_AFTER_MS_MAX)
}
