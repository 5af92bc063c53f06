import {
  AckPolicy,
  type Consumer,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream'
import { BUS_DEDUPLICATION_MS, BUS_PARKED_MS, BUS_STREAM_BYTES_MAX } from '../limits.ts'
import { checkSameFilter, type Terms } from './rules.ts'

const NANOSECONDS = 1_000_000
const STREAM_NOT_FOUND = 10059
const CONSUMER_NOT_FOUND = 10014
const PARKED_STREAM = 'zerog_parked'

/** Creates what is missing; several replicas may do so at once. Uses nothing newer than nats-server 2.9. */
export class NatsStreams {
  readonly #manager: JetStreamManager
  readonly #client: JetStreamClient
  readonly #replicas: number
  readonly #ready = new Map<string, Promise<void>>()

  constructor(manager: JetStreamManager, client: JetStreamClient, replicas: number) {
    this.#manager = manager
    this.#client = client
    this.#replicas = replicas
  }

  /** The stream of a layer keeps a message until every consumer that it concerns acknowledged it, and none without consumers. */
  async layer(subject: string): Promise<string> {
    const [root, layer] = subject.split('.') as [string, string]
    const name = `${root}_${layer}`
    await this.#ensure({
      name,
      subjects: [`${root}.${layer}`, `${root}.${layer}.>`],
      retention: RetentionPolicy.Interest,
      max_bytes: BUS_STREAM_BYTES_MAX,
      // A full stream refuses the publisher; nothing that was accepted is thrown away.
      discard: DiscardPolicy.New,
      duplicate_window: BUS_DEDUPLICATION_MS * NANOSECONDS,
    })
    return name
  }

  async consumer(terms: Terms): Promise<Consumer> {
    const stream = await this.layer(terms.subject)
    const wanted = {
      durable_name: terms.consumer,
      ack_policy: AckPolicy.Explicit,
      ack_wait: terms.ackWaitMs * NANOSECONDS,
      deliver_policy: DeliverPolicy.New,
      filter_subject: terms.subject,
      // We count and park ourselves: the server would only stop delivering.
      max_deliver: -1,
      max_ack_pending: 10_000,
    } satisfies Partial<ConsumerConfig>
    const known = await this.#find(stream, terms.consumer)
    if (known !== undefined) {
      checkSameFilter(known.filter_subject ?? '', terms)
      if (known.ack_wait !== wanted.ack_wait)
        await this.#manager.consumers.update(stream, terms.consumer, { ack_wait: wanted.ack_wait })
    } else {
      await this.#manager.consumers.add(stream, wanted)
    }
    return this.#client.consumers.get(stream, terms.consumer)
  }

  /** The subject where the messages of a consumer are moved to. */
  async parking(consumer: string): Promise<string> {
    await this.#ensure({
      name: PARKED_STREAM,
      subjects: [`${PARKED_STREAM}.*`],
      retention: RetentionPolicy.Limits,
      max_age: BUS_PARKED_MS * NANOSECONDS,
      max_bytes: BUS_STREAM_BYTES_MAX,
      discard: DiscardPolicy.Old,
    })
    return `${PARKED_STREAM}.${consumer}`
  }

  async countParked(consumer: string): Promise<number> {
    const subject = await this.parking(consumer)
    const { state } = await this.#manager.streams.info(PARKED_STREAM, { subjects_filter: subject })
    return state.subjects?.[subject] ?? 0
  }

  #ensure(config: Partial<StreamConfig> & { name: string }): Promise<void> {
    const known = this.#ready.get(config.name)
    if (known !== undefined) return known
    const made = this.#make(config).catch((error: unknown) => {
      this.#ready.delete(config.name)
      throw error
    })
    this.#ready.set(config.name, made)
    return made
  }

  async #make(config: Partial<StreamConfig> & { name: string }): Promise<void> {
    try {
      await this.#manager.streams.info(config.name)
    } catch (error) {
      if (!isApiError(error, STREAM_NOT_FOUND)) throw error
      // Adding a stream that another replica added meanwhile with the same settings succeeds.
      await this.#manager.streams.add({ ...config, storage: StorageType.File, num_replicas: this.#replicas })
    }
  }

  async #find(stream: string, consumer: string): Promise<ConsumerConfig | undefined> {
    try {
      return (await this.#manager.consumers.info(stream, consumer)).config
    } catch (error) {
      if (isApiError(error, CONSUMER_NOT_FOUND)) return undefined
      throw error
    }
  }
}

function isApiError(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code
}
