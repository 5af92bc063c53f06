import type { Cancel, Clock } from '@zerog/ports'
import { assert } from '@zerog/primitives'

/** setTimeout fires at once for anything longer, so longer delays are cut into pieces. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1

/** The clock of the machine. Timers keep the process alive until they fire or are cancelled. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = () => {
        cancel()
        reject(signal?.reason)
      }
      const cancel = after(delayMs, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
    }),
  after,
}

function after(delayMs: number, task: () => void): Cancel {
  assert(Number.isFinite(delayMs), `a delay must be a finite number of milliseconds, not ${delayMs}`)
  let timer: NodeJS.Timeout
  let restMs = delayMs
  const arm = () => {
    const stepMs = Math.min(restMs, TIMEOUT_MS_MAX)
    restMs -= stepMs
    timer = setTimeout(restMs > 0 ? arm : task, stepMs)
  }
  arm()
  return () => clearTimeout(timer)
}
