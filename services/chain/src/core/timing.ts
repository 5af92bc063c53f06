/**
 * Time of the next block: the clock, but never before its parent. Headers hold whole seconds, the consensus payload the
 * milliseconds (ARCHITECTURE 3a).
 */
export function nextTimestampMs(parentMs: number, nowMs: number, forcedMs?: number): number {
  return Math.max(parentMs, forcedMs ?? nowMs)
}

export function secondsOf(timestampMs: number): bigint {
  return BigInt(Math.floor(timestampMs / 1000))
}
