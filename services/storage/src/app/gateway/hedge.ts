import type { Clock } from '@zerog/ports'

/**
 * Starts the first attempt, the next one whenever `delayMs` passed or one failed, and takes the first that succeeds; the others are
 * aborted. Throws the last error when all failed.
 */
export async function hedged<Result>(
  attempts: readonly ((signal: AbortSignal) => Promise<Result>)[],
  options: { readonly delayMs: number; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Result> {
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const { promise, resolve, reject } = Promise.withResolvers<Result>()
  let next = 0
  let failed = 0
  let cancel = () => {}
  const start = (): void => {
    cancel()
    const attempt = attempts[next++]
    if (attempt === undefined) return
    attempt(signal).then(resolve, (error) => {
      if (++failed === attempts.length) reject(error)
      else start()
    })
    if (next < attempts.length) cancel = options.clock.after(options.delayMs, start)
  }
  start()
  try {
    return await promise
  } finally {
    cancel()
    stop.abort()
  }
}
