import {
  type ConsumerMessages,
  JetStreamApiError,
  type JetStreamClient,
  type JsMsg,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream'
import { type ConnectionOptions, connect, headers as createHeaders, type NatsConnection } from '@nats-io/transport-node'
import type { BusDelivery, BusMessage, Clock, Logger, Subscription } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { systemClock } from '../clock/system.ts'
import { BUS_DATA_BYTES_MAX, BUS_HEADER_BYTES_MAX } from '../limits.ts'
import { type BusHandler, deliver } from './deliver.ts'
import { natsAddress } from './nats-address.ts'
import { NatsStreams } from './nats-streams.ts'
import type { ObservedBus } from './observed.ts'
import { checkPublication, checkTerms, redeliveryDelayMs, type Terms } from './rules.ts'

export type NatsBusOptions = {
  /** nats://host:port or tls://host:port, several for a cluster; user:password@ or token@ may stand before the host. */
  readonly servers: readonly string[]
  /** Copies of each stream. Production: 3; NATS acknowledges before its own fsync, so one copy may lose what it acknowledged. */
  readonly replicas?: number
  /** User, token, credentials, TLS: as the client takes them. */
  readonly connection?: Omit<ConnectionOptions, 'servers'>
  readonly clock?: Clock
  readonly logger?: Logger
}

/** The bus of clusters: NATS JetStream, a stream per layer, durable pull consumers. */
export async function natsBus(options: NatsBusOptions): Promise<ObservedBus> {
  const { replicas = 1, clock = systemClock, logger } = options
  const { servers, ...credentials } = natsAddress(options.servers)
  const where = servers.join(', ')
  let connected = true
  const ask = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      // What is sent meanwhile is buffered by the client and then lost; better to say so at once.
      if (!connected) throw new Error('the connection is down')
      return await work()
    } catch (error) {
      throw natsError(error, where)
    }
  }
  const connection = await ask(() =>
    connect({
      name: 'zerog',
      maxReconnectAttempts: -1,
      reconnectTimeWait: 500,
      timeout: 5_000,
      ...credentials,
      ...options.connection,
      servers: [...servers],
    }),
  )
  const client = jetstream(connection)
  const streams = await ask(async () => new NatsStreams(await jetstreamManager(connection), client, replicas))
  warnOfSmallPayload(connection, logger)
  const subscribers = new Set<Subscriber>()
  let closed = false
  void (async () => {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect') connected = false
      if (type !== 'reconnect') continue
      connected = true
      // A request that waited at the old connection is lost and would only run out.
      for (const subscriber of subscribers) subscriber.askAgain()
    }
  })()
  const refuseWhenClosed = () => {
    if (closed) throw new ZerogError('SHUTTING_DOWN', { message: 'the bus is closed' })
  }

  return {
    async publish(publication) {
      refuseWhenClosed()
      const message = checkPublication(publication)
      checkPayload(connection, message)
      await ask(async () => {
        await streams.layer(message.subject)
        await send(client, message.subject, message, message.id)
      })
    },

    async subscribe(subscription, handler): Promise<Subscription> {
      refuseWhenClosed()
      const terms = checkTerms(subscription)
      const consumer = await ask(() => streams.consumer(terms))
      const subscriber = new Subscriber({ client, streams, clock, logger }, terms, handler)
      subscriber.start((slots) => consumer.fetch({ max_messages: slots, expires: FETCH_MS }))
      subscribers.add(subscriber)
      return {
        async close() {
          await subscriber.close()
          subscribers.delete(subscriber)
        },
      }
    },

    parked: (consumer) => ask(() => streams.countParked(consumer)),

    async ping() {
      refuseWhenClosed()
      await ask(() => connection.rtt())
    },

    async close() {
      if (closed) return
      closed = true
      await Promise.all([...subscribers].map((subscriber) => subscriber.close()))
      // Sends what waits, acknowledgements above all.
      await connection.drain().catch(() => connection.close())
    },
  }
}

const FETCH_MS = 10_000
const ID_HEADER = 'Nats-Msg-Id'

async function send(client: JetStreamClient, subject: string, message: BusMessage, id: string): Promise<void> {
  const headers = createHeaders()
  for (const [name, value] of Object.entries(message.headers)) headers.set(name, value)
  await client.publish(subject, message.data, { msgID: id, headers, timeout: 5_000 })
}

type Parts = {
  readonly client: JetStreamClient
  readonly streams: NatsStreams
  readonly clock: Clock
  readonly logger: Logger | undefined
}

/** Asks the server for exactly as many messages as handlers are free, so none waits here while its ack wait runs. */
class Subscriber {
  readonly #parts: Parts
  readonly #terms: Terms
  readonly #handler: BusHandler
  readonly #running = new Set<Promise<void>>()
  readonly #stop = new AbortController()
  #loop: Promise<void> = Promise.resolve()
  #batch: ConsumerMessages | undefined
  #slotFreed = () => {}

  constructor(parts: Parts, terms: Terms, handler: BusHandler) {
    this.#parts = parts
    this.#terms = terms
    this.#handler = handler
  }

  start(fetch: (slots: number) => Promise<ConsumerMessages>): void {
    this.#loop = this.#run(fetch)
  }

  askAgain(): void {
    this.#batch?.stop()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#batch?.stop()
    this.#slotFreed()
    await this.#loop
    await Promise.all(this.#running)
  }

  async #run(fetch: (slots: number) => Promise<ConsumerMessages>) {
    const { clock, logger } = this.#parts
    while (!this.#stop.signal.aborted) {
      const free = this.#terms.concurrency - this.#running.size
      if (free === 0) {
        await new Promise<void>((resolve) => {
          this.#slotFreed = resolve
        })
        continue
      }
      try {
        this.#batch = await fetch(free)
        if (this.#stop.signal.aborted) this.#batch.stop()
        for await (const message of this.#batch) this.#take(message)
      } catch (error) {
        logger?.warn('bus_fetch_failed', { consumer: this.#terms.consumer, error: String(error) })
        await clock.sleep(500, this.#stop.signal).catch(() => {})
      }
    }
  }

  #take(message: JsMsg) {
    // Came while we stopped: another subscription gets it at once.
    if (this.#stop.signal.aborted) return message.nak()
    const run = this.#handle(message).finally(() => {
      this.#running.delete(run)
      this.#slotFreed()
    })
    this.#running.add(run)
  }

  async #handle(message: JsMsg) {
    const { clock, logger } = this.#parts
    const { consumer, deliveriesMax, ackWaitMs } = this.#terms
    const delivery = toDelivery(message)
    try {
      if (delivery.deliveries > deliveriesMax) return await this.#park(message, delivery)
      const outcome = await deliver(delivery, this.#handler, { ackWaitMs, clock })
      if (outcome.kind === 'done') message.ack()
      else if (delivery.deliveries >= deliveriesMax) await this.#park(message, delivery)
      else if (outcome.kind === 'failed') message.nak(redeliveryDelayMs(delivery.deliveries))
    } catch (error) {
      logger?.warn('bus_acknowledge_failed', { consumer, id: delivery.id, error: String(error) })
    }
  }

  async #park(message: JsMsg, delivery: BusDelivery) {
    const { client, streams, logger } = this.#parts
    const { consumer } = this.#terms
    await send(client, await streams.parking(consumer), delivery, `${consumer}:${delivery.id}`)
    message.term()
    const { subject, id, deliveries } = delivery
    logger?.error('bus_message_parked', { consumer, subject, id, deliveries })
  }
}

function toDelivery(message: JsMsg): BusDelivery {
  const headers: Record<string, string> = {}
  for (const name of message.headers?.keys() ?? []) {
    if (!name.startsWith('Nats-')) headers[name] = message.headers?.get(name) ?? ''
  }
  return {
    id: message.headers?.get(ID_HEADER) ?? '',
    subject: message.subject,
    data: new Uint8Array(message.data),
    headers,
    deliveries: message.info.deliveryCount,
  }
}

/** max_payload counts headers, too, with up to a few bytes each around them. */
function checkPayload({ info }: NatsConnection, { subject, data, headers }: BusMessage) {
  const room = (info?.max_payload ?? Number.POSITIVE_INFINITY) - 1024
  const size = data.length + Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0)
  if (size > room) {
    throw new ZerogError('LIMIT_EXCEEDED', {
      message: `a message of ${size} bytes does not fit into max_payload ${info?.max_payload} of this NATS server; raise it to 1048576 or more`,
      metadata: { subject, sizeBytes: String(size), sizeBytesMax: String(room) },
    })
  }
}

function warnOfSmallPayload({ info }: NatsConnection, logger: Logger | undefined) {
  const needed = BUS_DATA_BYTES_MAX + BUS_HEADER_BYTES_MAX + 1024
  if (info !== undefined && info.max_payload < needed) {
    logger?.warn('bus_payload_small', { maxPayload: info.max_payload, needed, version: info.version })
  }
}

/** JetStream's error codes: 10077 maximum bytes exceeded, 10023 insufficient resources, 10047 storage resources exceeded. */
const FULL_CODES = new Set([10077, 10023, 10047])

function natsError(error: unknown, where: string): unknown {
  if (error instanceof ZerogError) return error
  if (error instanceof JetStreamApiError && FULL_CODES.has(error.code)) {
    return new ZerogError('QUEUE_FULL', {
      message: `a stream at ${where} is full (${error.message}); its consumers are behind`,
      retryAfterMs: 5_000,
      cause: error,
    })
  }
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  if (/Authorization|Authentication|permissions/i.test(text)) {
    return new ZerogError('CONFIG_INVALID', {
      message: `NATS at ${where} refused us (${text}); check user, token or credentials`,
      cause: error,
    })
  }
  if (/JetStreamNotEnabled|jetstream not enabled|no responders/i.test(text)) {
    return new ZerogError('DEPENDENCY_UNAVAILABLE', {
      message: `NATS at ${where} has no JetStream; start it with --jetstream`,
      cause: error,
    })
  }
  return new ZerogError('DEPENDENCY_UNAVAILABLE', {
    message: `NATS at ${where} does not answer (${text}); check that it runs and can be reached`,
    retryAfterMs: 1_000,
    cause: error,
  })
}
