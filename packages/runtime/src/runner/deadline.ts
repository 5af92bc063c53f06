import type { Clock } from '@zerog/ports'

/** How a piece of work ended that must not hold up the rest: `late` work goes on unobserved. */
export type Outcome = { readonly kind: 'done' } | { readonly kind: 'late' } | { readonly kind: 'failed'; readonly error: unknown }

export async function within(clock: Clock, timeoutMs: number, work: () => unknown): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const cancel = clock.after(Math.max(0, timeoutMs), () => resolve({ kind: 'late' }))
  new Promise((settle) => settle(work())).then(
    () => resolve({ kind: 'done' }),
    (error: unknown) => resolve({ kind: 'failed', error }),
  )
  const outcome = await promise
  cancel()
  return outcome
}
