import type { Clock } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'

/**
 * How far this broker followed the chain, and the promise that nobody is served from a state older than what he may have seen: what a
 * user did on chain before his call is known before the call is decided.
 */
export type Heights = {
  /** The follower applied this block. */
  seen(height: bigint): void
  current(): bigint | undefined
  /** Resolves when every block that was final when this was called has been applied; throws REPLICA_BEHIND after the time. */
  caughtUp(): Promise<void>
}

export function createHeights(
  options: { readonly waitMs: number },
  deps: { readonly head: () => Promise<bigint>; readonly clock: Clock },
): Heights {
  let height: bigint | undefined
  let waiting: { readonly height: bigint; readonly resolve: () => void }[] = []
  let running: Promise<bigint> | undefined
  let next: Promise<bigint> | undefined

  /** A head that was asked for after the call; callers that come while a question runs share the next one. */
  function head(): Promise<bigint> {
    if (next !== undefined) return next
    if (running === undefined) return ask()
    next = running.then(
      () => ask(),
      () => ask(),
    )
    return next
  }

  function ask(): Promise<bigint> {
    next = undefined
    const asked = deps.head()
    running = asked
    const clear = () => {
      if (running === asked) running = undefined
    }
    asked.then(clear, clear)
    return asked
  }

  function reached(target: bigint): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = deps.clock.after(options.waitMs, () => {
        waiting = waiting.filter((entry) => entry !== waiter)
        const message = `this broker has applied block ${height ?? 'none'}, but the chain is at ${target}; try again`
        reject(new ZerogError('REPLICA_BEHIND', { message, retryAfterMs: 500 }))
      })
      const waiter = {
        height: target,
        resolve: () => {
          late()
          resolve()
        },
      }
      waiting.push(waiter)
    })
  }

  return {
    seen(applied) {
      height = applied
      if (waiting.length === 0) return
      const done = waiting.filter((waiter) => waiter.height <= applied)
      waiting = waiting.filter((waiter) => waiter.height > applied)
      for (const waiter of done) waiter.resolve()
    },
    current: () => height,
    async caughtUp() {
      const target = await head()
      if (height === undefined || height < target) await reached(target)
    },
  }
}
