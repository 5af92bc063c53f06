/** What a router has seen of a provider: a circuit that opens after failures in a row, and a smoothed latency. */
export type Health = {
  readonly failures: number
  /** Closed until then; the next attempt after it is a trial. */
  readonly openUntilMs: number
  /** Exponentially smoothed time to the first byte, ms; undefined before the first answer. */
  readonly latencyMs: number | undefined
}

export const UNKNOWN_HEALTH: Health = { failures: 0, openUntilMs: 0, latencyMs: undefined }

const FAILURES_TO_OPEN = 3
const OPEN_FIRST_MS = 1_000
const OPEN_MAX_MS = 60_000
/** Weight of the newest sample. */
const ALPHA = 0.2
/** Assumed of a provider that never answered: neither avoided nor preferred. */
const LATENCY_UNKNOWN_MS = 100

export function succeeded(health: Health, tookMs: number): Health {
  const latency = health.latencyMs === undefined ? tookMs : health.latencyMs + ALPHA * (tookMs - health.latencyMs)
  return { failures: 0, openUntilMs: 0, latencyMs: latency }
}

/** A connection that was refused opens the circuit at once; other failures after some in a row. */
export function failed(health: Health, nowMs: number, { refused }: { readonly refused: boolean }): Health {
  const failures = health.failures + (refused ? FAILURES_TO_OPEN : 1)
  if (failures < FAILURES_TO_OPEN) return { ...health, failures }
  const openMs = Math.min(OPEN_FIRST_MS * 2 ** Math.min(Math.floor(failures / FAILURES_TO_OPEN) - 1, 10), OPEN_MAX_MS)
  return { ...health, failures, openUntilMs: nowMs + openMs }
}

export function isUsable(health: Health, nowMs: number): boolean {
  return health.openUntilMs <= nowMs
}

export function latencyMs(health: Health): number {
  return health.latencyMs ?? LATENCY_UNKNOWN_MS
}
