import type { Clock } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'

export type CallSignal = {
  readonly signal: AbortSignal
  readonly abort: (reason: unknown) => void
  /** Forgets sources and timer. Without it a long-lived source would keep every call that it ever had. */
  readonly release: () => void
}

/** One signal out of several and, if given, a deadline. Always release it. */
export function callSignal(
  sources: readonly (AbortSignal | undefined)[],
  deadline?: { readonly clock: Clock; readonly timeoutMs: number; readonly what: string },
): CallSignal {
  const controller = new AbortController()
  const undo: (() => void)[] = []
  for (const source of sources) {
    if (source === undefined) continue
    if (source.aborted) controller.abort(source.reason)
    const follow = () => controller.abort(source.reason)
    source.addEventListener('abort', follow, { once: true })
    undo.push(() => source.removeEventListener('abort', follow))
  }
  if (deadline !== undefined && !controller.signal.aborted) {
    const { clock, timeoutMs, what } = deadline
    undo.push(clock.after(timeoutMs, () => controller.abort(deadlineExceeded(what, timeoutMs))))
  }
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    release() {
      for (const forget of undo.splice(0)) forget()
    },
  }
}

/** Why the signal aborted, as an error that may be thrown at a caller. */
export function abortError(signal: AbortSignal): ZerogError {
  const reason: unknown = signal.reason
  if (reason instanceof ZerogError) return reason
  if (reason instanceof DOMException && reason.name === 'TimeoutError') {
    return new ZerogError('DEADLINE_EXCEEDED', { message: 'the time that the caller gave has passed', cause: reason })
  }
  return new ZerogError('CANCELLED', { message: 'the caller gave up', cause: reason })
}

/** Rejects as soon as the signal aborts; the promise itself goes on and its outcome is dropped. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const give = () => reject(abortError(signal))
    if (signal.aborted) {
      promise.catch(() => {})
      give()
      return
    }
    signal.addEventListener('abort', give, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', give))
  })
}

export function deadlineExceeded(what: string, timeoutMs: number): ZerogError {
  return new ZerogError('DEADLINE_EXCEEDED', {
    message: `${what} did not answer within ${timeoutMs} ms`,
    metadata: { timeoutMs: String(timeoutMs) },
  })
}
