import { randomBytes } from 'node:crypto'
import type { Hex } from '@zerog/primitives'
import { limitExceeded, serverError } from './errors.ts'

/** Sends one value to the subscriber; `height` is the highest block that it shows. */
export type Notify = (result: unknown, height: bigint) => void

/** Starts a stream of notifications; returns how to stop it. */
export type Source = (notify: Notify) => () => void

/** The subscriptions of one connection, as a method sees them. */
export type Subscriptions = {
  /** The source starts once the answer with the id is on its way, so no notification overtakes it. */
  open(source: Source): Hex
  /** Throws `subscription not found`. */
  cancel(id: Hex): true
}

export type SubscriptionTable = {
  /** The view for one frame, and how to start what it opened after its answer is queued. */
  forFrame(): { readonly subscriptions: Subscriptions; readonly start: () => void }
  readonly size: number
  closeAll(): void
}

export function createSubscriptionTable(options: {
  readonly subscriptionsMax: number
  readonly send: (frame: string, height: bigint) => void
}): SubscriptionTable {
  const stops = new Map<Hex, () => void>()
  const notifier = (id: Hex): Notify => {
    const head = `{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"${id}","result":`
    return (result, height) => {
      if (stops.has(id)) options.send(`${head}${JSON.stringify(result)}}}`, height)
    }
  }
  return {
    forFrame() {
      const opened: { id: Hex; source: Source }[] = []
      return {
        subscriptions: {
          open(source) {
            if (stops.size >= options.subscriptionsMax) {
              throw limitExceeded(`more than ${options.subscriptionsMax} subscriptions on one connection`)
            }
            const id: Hex = `0x${randomBytes(16).toString('hex')}`
            stops.set(id, () => {})
            opened.push({ id, source })
            return id
          },
          cancel(id) {
            const stop = stops.get(id)
            if (stop === undefined) throw serverError('subscription not found')
            stops.delete(id)
            stop()
            return true
          },
        },
        start() {
          for (const { id, source } of opened) {
            // Cancelled by a later request of the same batch.
            if (stops.has(id)) stops.set(id, source(notifier(id)))
          }
          opened.length = 0
        },
      }
    },
    get size() {
      return stops.size
    },
    closeAll() {
      for (const stop of stops.values()) stop()
      stops.clear()
    },
  }
}
