import type { BusDelivery, BusMessage, Cancel, Clock, Logger, Sql, Subscription } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { systemClock } from '../clock/system.ts'
import { BUS_BATCH_MAX, BUS_DEDUPLICATION_MS, BUS_FORGET_MS, BUS_POLL_MS, BUS_PUBLISH_QUEUE_MAX } from '../limits.ts'
import { postgresSql } from '../sql/cluster.ts'
import { type BusHandler, deliver } from './deliver.ts'
import {
  ACKNOWLEDGE,
  BUS_MIGRATIONS,
  BUS_SCHEMA,
  CLAIM,
  FORGET,
  NEXT_DUE,
  PARK,
  PARKED,
  PUBLISH,
  REGISTER,
  REST,
} from './embedded-schema.ts'
import type { ObservedBus } from './observed.ts'
import { checkPublication, checkSameFilter, checkTerms, redeliveryDelayMs, type Terms } from './rules.ts'
import { WakeUps } from './wake.ts'

export type PostgresBusOptions = { readonly url: string; readonly clock?: Clock; readonly logger?: Logger }

/**
 * The bus of one-command installations: tables in PostgreSQL. Works across processes and survives kill -9 of any of them. A publish
 * is a durable insert, an acknowledgement deletes a row; LISTEN only makes it quick. ADR 0023.
 */
export async function postgresBus({ url, clock = systemClock, logger }: PostgresBusOptions): Promise<ObservedBus> {
  const common = { url, clock, ...(logger === undefined ? {} : { logger }) }
  const sql = postgresSql({ ...common, applicationName: 'zerog-bus', connectionsMax: 2 })
  // Claims and acknowledgements may be lost in a crash: the message is delivered again. So they do not wait for the disk.
  const lazySql = postgresSql({ ...common, applicationName: 'zerog-bus', connectionsMax: 3, synchronousCommit: false })
  const wakeUps = new WakeUps(url, BUS_SCHEMA, logger)
  try {
    await sql.migrate({ schema: BUS_SCHEMA, migrations: BUS_MIGRATIONS })
  } catch (error) {
    await Promise.all([sql.close(), lazySql.close()])
    throw error
  }
  const publisher = new Publisher(sql)
  const subscribers = new Set<Subscriber>()
  let closed = false
  let cancelForget = clock.after(BUS_FORGET_MS, forget)

  async function forget() {
    try {
      const [parked, messages] = FORGET as [string, string]
      await lazySql.query(parked)
      await lazySql.query(messages, [BUS_DEDUPLICATION_MS])
    } catch (error) {
      logger?.warn('bus_forget_failed', { error: String(error) })
    }
    if (!closed) cancelForget = clock.after(BUS_FORGET_MS, forget)
  }

  return {
    async publish(publication) {
      if (closed) throw new ZerogError('SHUTTING_DOWN', { message: 'the bus is closed' })
      await publisher.publish(checkPublication(publication))
    },

    async subscribe(options, handler): Promise<Subscription> {
      if (closed) throw new ZerogError('SHUTTING_DOWN', { message: 'the bus is closed' })
      const terms = checkTerms(options)
      const [row] = await sql.query<{ filter: string }>(REGISTER, [terms.consumer, terms.subject])
      checkSameFilter(row?.filter ?? terms.subject, terms)
      const subscriber = new Subscriber({ sql: lazySql, clock, wakeUps, logger }, terms, handler)
      subscribers.add(subscriber)
      await wakeUps.ensure()
      return {
        async close() {
          await subscriber.close()
          subscribers.delete(subscriber)
        },
      }
    },

    async parked(consumer) {
      const [row] = await lazySql.query<{ count: bigint }>(PARKED, [consumer])
      return Number(row?.count ?? 0n)
    },

    ping: () => sql.ping(),

    async close() {
      if (closed) return
      closed = true
      cancelForget()
      await Promise.all([...subscribers].map((subscriber) => subscriber.close()))
      await publisher.idle()
      await wakeUps.close()
      await Promise.all([sql.close(), lazySql.close()])
    },
  }
}

type Waiting = { readonly message: BusMessage; readonly resolve: () => void; readonly reject: (error: unknown) => void }

/** Messages that come while a commit runs share the next one. */
class Publisher {
  readonly #sql: Sql
  readonly #queue: Waiting[] = []
  #running: Promise<void> | undefined

  constructor(sql: Sql) {
    this.#sql = sql
  }

  publish(message: BusMessage): Promise<void> {
    if (this.#queue.length >= BUS_PUBLISH_QUEUE_MAX) {
      throw new ZerogError('QUEUE_FULL', { message: `${BUS_PUBLISH_QUEUE_MAX} messages wait to be published`, retryAfterMs: 500 })
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ message, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  async idle(): Promise<void> {
    await this.#running
  }

  async #run() {
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, BUS_BATCH_MAX)
      try {
        const messages = batch.map(({ message }) => message)
        await this.#sql.query(PUBLISH, [
          messages.map(({ id }) => id),
          messages.map(({ subject }) => subject),
          messages.map(({ data }) => data),
          messages.map(({ headers }) => JSON.stringify(headers)),
        ])
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.#running = undefined
  }
}

type SubscriberParts = {
  readonly sql: Sql
  readonly clock: Clock
  readonly wakeUps: WakeUps
  readonly logger: Logger | undefined
}

type Row = {
  seq: bigint
  id: string
  subject: string
  data: Uint8Array
  headers: Record<string, string>
  deliveries: number
}

/** Keeps up to `concurrency` handlers busy. */
class Subscriber {
  readonly #parts: SubscriberParts
  readonly #terms: Terms
  readonly #handler: BusHandler
  readonly #removeWake: () => void
  readonly #running = new Set<Promise<void>>()
  #cancelPoll: Cancel = () => {}
  #claiming: Promise<void> | undefined
  #again = false
  #closed = false

  constructor(parts: SubscriberParts, terms: Terms, handler: BusHandler) {
    this.#parts = parts
    this.#terms = terms
    this.#handler = handler
    this.#removeWake = parts.wakeUps.on(terms.consumer, () => this.#wake())
    this.#wake()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#removeWake()
    this.#cancelPoll()
    await this.#claiming
    await Promise.all(this.#running)
  }

  #wake() {
    if (this.#closed) return
    if (this.#claiming !== undefined) {
      this.#again = true
      return
    }
    this.#cancelPoll()
    this.#claiming = this.#claim().finally(() => {
      this.#claiming = undefined
      if (this.#again) {
        this.#again = false
        this.#wake()
      }
    })
  }

  async #claim() {
    const { sql, wakeUps, clock, logger } = this.#parts
    const { consumer, concurrency, ackWaitMs } = this.#terms
    const free = concurrency - this.#running.size
    let pollMs = BUS_POLL_MS
    try {
      await wakeUps.ensure()
      if (free > 0) {
        const rows = await sql.query<Row>(CLAIM, [consumer, free, ackWaitMs])
        for (const row of rows) this.#start(row)
        if (rows.length < free) pollMs = Math.min(pollMs, await this.#untilDue())
      }
    } catch (error) {
      logger?.warn('bus_claim_failed', { consumer, error: String(error) })
    }
    if (!this.#closed) this.#cancelPoll = clock.after(pollMs, () => this.#wake())
  }

  async #untilDue(): Promise<number> {
    const [row] = await this.#parts.sql.query<{ ms: number | null }>(NEXT_DUE, [this.#terms.consumer])
    return row?.ms === null || row?.ms === undefined ? BUS_POLL_MS : Math.max(1, row.ms)
  }

  #start(row: Row) {
    const run = this.#handle(row).finally(() => {
      this.#running.delete(run)
      this.#wake()
    })
    this.#running.add(run)
  }

  async #handle({ seq, ...delivery }: Row & BusDelivery) {
    const { sql, clock, logger } = this.#parts
    const { consumer, deliveriesMax, ackWaitMs } = this.#terms
    const place = [consumer, seq, delivery.deliveries] as const
    const park = async () => {
      await sql.query(PARK, place.slice())
      logger?.error('bus_message_parked', {
        consumer,
        subject: delivery.subject,
        id: delivery.id,
        deliveries: delivery.deliveries,
      })
    }
    try {
      // The last allowed delivery ended without a word: its process was killed.
      if (delivery.deliveries > deliveriesMax) return await park()
      const outcome = await deliver(delivery, this.#handler, { ackWaitMs, clock })
      if (outcome.kind === 'done') await sql.query(ACKNOWLEDGE, place.slice())
      else if (delivery.deliveries >= deliveriesMax) await park()
      else if (outcome.kind === 'failed') await sql.query(REST, [...place, redeliveryDelayMs(delivery.deliveries)])
    } catch (error) {
      // Not acknowledged: the ack wait brings it back.
      logger?.warn('bus_acknowledge_failed', { consumer, id: delivery.id, error: String(error) })
    }
  }
}
