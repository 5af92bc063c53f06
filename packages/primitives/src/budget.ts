import { ZerogError } from './error.ts'

/** A limit of bytes (or anything countable) shared by many: who finds no room waits in order, without holding any. */
export type Budget = {
  /** Waits for room; the answer gives it back, once. QUEUE_FULL where too many wait already. */
  take(amount: number, signal?: AbortSignal): Promise<() => void>
  used(): number
  waiting(): number
}

type Waiter = { readonly amount: number; readonly go: () => void }

export function budget(options: { readonly max: number; readonly queueMax: number }): Budget {
  let used = 0
  const queue = new Set<Waiter>()
  /** One that is larger than the whole budget goes alone. */
  const fits = (amount: number) => used === 0 || used + amount <= options.max
  const release = (amount: number) => {
    let given = false
    return () => {
      if (given) return
      given = true
      used -= amount
      for (const waiter of queue) {
        if (!fits(waiter.amount)) break
        queue.delete(waiter)
        used += waiter.amount
        waiter.go()
      }
    }
  }
  return {
    async take(amount, signal) {
      signal?.throwIfAborted()
      if (queue.size === 0 && fits(amount)) {
        used += amount
        return release(amount)
      }
      if (queue.size >= options.queueMax) {
        throw new ZerogError('QUEUE_FULL', {
          message: 'too many wait already; try again in a second',
          metadata: { waiting: String(queue.size) },
          retryAfterMs: 1000,
        })
      }
      await new Promise<void>((resolve, reject) => {
        const leave = () => {
          queue.delete(waiter)
          reject(signal?.reason)
        }
        const waiter: Waiter = {
          amount,
          go: () => {
            signal?.removeEventListener('abort', leave)
            resolve()
          },
        }
        queue.add(waiter)
        signal?.addEventListener('abort', leave, { once: true })
      })
      return release(amount)
    },
    used: () => used,
    waiting: () => queue.size,
  }
}
