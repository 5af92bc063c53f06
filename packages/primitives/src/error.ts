import { REASONS, type Reason } from './reasons.ts'

export type ErrorDetails = {
  /** What went wrong and what to do about it, in one sentence that someone can act on. */
  readonly message: string
  /** Facts for machines: ids, limits, names. Never keys, tokens or prompts. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Back-pressure: when it is worth trying again. */
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

/**
 * What can go wrong outside our code: operator, peer, user, disk. `reason` is the public, stable name; its gRPC and HTTP
 * status, and the page under docs/errors, come from the registry in `reasons.ts`.
 */
export class ZerogError extends Error {
  override readonly name = 'ZerogError'
  readonly reason: Reason
  readonly metadata: Readonly<Record<string, string>>
  readonly retryAfterMs: number | undefined

  constructor(reason: Reason, details: ErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause })
    this.reason = reason
    this.metadata = details.metadata ?? {}
    this.retryAfterMs = details.retryAfterMs
  }

  get status(): (typeof REASONS)[Reason]['status'] {
    return REASONS[this.reason].status
  }
}
