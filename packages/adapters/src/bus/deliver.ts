import type { Bus, BusDelivery, Clock } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'

export type BusHandler = Parameters<Bus['subscribe']>[1]

/** What came of one delivery. `late`: the ack wait passed first, the message belongs to the next delivery. */
export type Outcome = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly error: unknown } | { readonly kind: 'late' }

/** Runs a handler for at most `ackWaitMs`; then its signal aborts and whatever it still does counts for nothing. */
export function deliver(
  delivery: BusDelivery,
  handler: BusHandler,
  { ackWaitMs, clock }: { readonly ackWaitMs: number; readonly clock: Clock },
): Promise<Outcome> {
  const controller = new AbortController()
  return new Promise((resolve) => {
    const cancel = clock.after(ackWaitMs, () => {
      controller.abort(
        new ZerogError('DEADLINE_EXCEEDED', {
          message: `message ${delivery.id} on ${delivery.subject} was not acknowledged within ${ackWaitMs} ms and is delivered again`,
        }),
      )
      resolve({ kind: 'late' })
    })
    const settle = (outcome: Outcome) => {
      cancel()
      resolve(outcome)
    }
    // The call itself may throw before it returns a promise.
    Promise.resolve()
      .then(() => handler(delivery, controller.signal))
      .then(
        () => settle({ kind: 'done' }),
        (error: unknown) => settle({ kind: 'failed', error }),
      )
  })
}
