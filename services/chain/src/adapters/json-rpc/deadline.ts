import type { Clock } from '@zerog/ports'
import { serverError, timedOut } from './errors.ts'

/** A signal that aborts with -32002 after `timeoutMs`, or with -32000 when `outer` aborts: nobody waits for the answer then. */
export function deadline(
  options: { readonly timeoutMs: number; readonly outer: AbortSignal },
  deps: { readonly clock: Clock },
): { readonly signal: AbortSignal; readonly cancel: () => void } {
  const controller = new AbortController()
  const cancelTimer = deps.clock.after(options.timeoutMs, () => controller.abort(timedOut()))
  const forward = () => controller.abort(serverError('request cancelled'))
  if (options.outer.aborted) forward()
  options.outer.addEventListener('abort', forward, { once: true })
  return {
    signal: controller.signal,
    cancel() {
      cancelTimer()
      options.outer.removeEventListener('abort', forward)
    },
  }
}

/** The value, or the signal's reason as soon as it aborts. What still runs then is told by the same signal. */
export async function untilAborted<T>(signal: AbortSignal, work: () => T | Promise<T>): Promise<T> {
  signal.throwIfAborted()
  const value = work()
  if (!(value instanceof Promise)) return value
  let stop = () => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    // Promise.race handles a later rejection of the loser.
    return await Promise.race([value, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
