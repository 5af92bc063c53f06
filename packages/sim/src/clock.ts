import type { Clock } from '@zerog/ports'
import type { Owner } from './event-queue.ts'
import type { World } from './world.ts'
import { never } from './world.ts'

/** Midnight of 1 January 2026 UTC: what an unskewed clock shows when a run begins. */
export const SIM_EPOCH_MS = 1_767_225_600_000

/** How a node's clocks differ from true time. Mutable: an operator steps a clock while the node runs. */
export type Skew = {
  /** Of the date only. */
  offsetMs: number
  /** Of date and durations alike: parts per million fast (positive) or slow. */
  readonly driftPpm: number
}

/** The `Clock` port on virtual time. Timers of an owner that died never fire. */
export function simClock(world: World, options: { readonly owner?: Owner; readonly skew?: Skew } = {}): Clock {
  const { owner, skew } = options
  const rate = 1 + (skew?.driftPpm ?? 0) / 1_000_000
  const localMs = () => (world.nowUs() * rate) / 1_000
  const schedule = (delayMs: number, kind: string, run: () => void) =>
    world.schedule({
      delayUs: Math.max(0, Math.ceil((delayMs * 1_000) / rate)),
      kind,
      detail: `${delayMs}ms`,
      run,
      ...(owner && { owner }),
    })
  return {
    nowMs: () => Math.floor(SIM_EPOCH_MS + (skew?.offsetMs ?? 0) + localMs()),
    monotonicMs: localMs,
    after: (delayMs, task) => (owner?.alive === false ? () => {} : schedule(delayMs, 'clock.after', task)),
    sleep: (delayMs, signal) => {
      if (owner?.alive === false) return never()
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const onAbort = () => {
          cancel()
          reject(signal?.reason)
        }
        const cancel = schedule(delayMs, 'clock.sleep', () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        })
        signal?.addEventListener('abort', onAbort, { once: true })
      })
    },
  }
}
