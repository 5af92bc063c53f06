export type BusMessage = {
  /** Chosen by the publisher; the bus drops a second publish of one id within the deduplication window (2 minutes at least). */
  readonly id: string
  /** Dot-separated lower-case tokens: `zerog.storage.v1.file_finalized`. */
  readonly subject: string
  /** At most 1,000,000 bytes: events and work items, never blob bytes. */
  readonly data: Uint8Array
  readonly headers: Readonly<Record<string, string>>
}

export type BusDelivery = BusMessage & {
  /** 1 on the first delivery. */
  readonly deliveries: number
}

export type SubscribeOptions = {
  /** A subject, or a prefix ending in `.>` for everything below it. */
  readonly subject: string
  /** Durable name. Subscriptions with one name share the work; each name sees every message published since it first subscribed. */
  readonly consumer: string
  /** Redelivered when not acknowledged within this time. Default 30,000. */
  readonly ackWaitMs?: number
  /** After this many deliveries the message is moved aside and counted. Default 10. */
  readonly deliveriesMax?: number
  /** Messages handled at once by this subscription. Default 1. */
  readonly concurrency?: number
}

export interface Subscription {
  /** Takes no new message, waits for the handlers that run, then resolves. */
  close(): Promise<void>
}

/** At-least-once delivery. Order holds only per subject, consumer and concurrency 1, and not across redeliveries. */
export interface Bus {
  /** Resolves when the message is durable. The trace context is carried in the headers by the runtime's wrapper. */
  publish(message: Omit<BusMessage, 'headers'> & { readonly headers?: Readonly<Record<string, string>> }): Promise<void>
  /** A handler that resolves acknowledges; one that throws leads to a redelivery. */
  subscribe(
    options: SubscribeOptions,
    handler: (delivery: BusDelivery, signal: AbortSignal) => Promise<void>,
  ): Promise<Subscription>
  /** Throws if the bus cannot be reached. */
  ping(): Promise<void>
  close(): Promise<void>
}
