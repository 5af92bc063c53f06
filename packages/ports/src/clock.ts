/** Undoes what returned it; calling it twice is harmless. */
export type Cancel = () => void

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number
  /** Monotone milliseconds for durations; unrelated to `nowMs`. */
  monotonicMs(): number
  /** Resolves after `delayMs`, or rejects with the signal's reason as soon as it aborts. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
  /** Runs `task` once after `delayMs`. */
  after(delayMs: number, task: () => void): Cancel
}
