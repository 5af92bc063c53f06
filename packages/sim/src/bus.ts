import {
  checkPublication,
  checkSameFilter,
  checkTerms,
  redeliveryDelayMs,
  subjectMatches,
  type Terms,
} from '@zerog/adapters/memory'
import type { Bus, BusMessage, Cancel, Subscription } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import type { Incarnation } from './incarnation.ts'
import type { Prng } from './prng.ts'
import { remoteCall } from './remote.ts'
import { never, type World } from './world.ts'

type Handler = Parameters<Bus['subscribe']>[1]
type Pending = { readonly message: BusMessage; deliveries: number }
type Worker = {
  readonly life: Incarnation
  readonly terms: Terms
  readonly handler: Handler
  running: number
  closed: boolean
  readonly idle: (() => void)[]
}
type Consumer = {
  readonly name: string
  readonly filter: string
  readonly backlog: Pending[]
  workers: Worker[]
  parked: number
}

const DEDUPLICATION_US = 2 * 60_000_000

/**
 * The broker, outside of every node and never down. Deliveries are late, lost or acknowledged in vain; order holds only where
 * the port promises it: first deliveries of one subject to one consumer of concurrency 1.
 */
export class SimBus {
  readonly #world: World
  readonly #prng: Prng
  readonly #consumers = new Map<string, Consumer>()
  readonly #seenUs = new Map<string, number>()

  constructor(world: World, prng: Prng) {
    this.#world = world
    this.#prng = prng
  }

  /** The port as one life of a node holds it. */
  port(life: Incarnation): Bus {
    const deps = { world: this.#world, prng: this.#prng, life }
    let closed = false
    const assertOpen = () => {
      if (closed) throw new ZerogError('SHUTTING_DOWN', { message: 'the bus is closed' })
    }
    const mine = new Set<Worker>()
    return {
      publish: async (publication) => {
        assertOpen()
        const message = checkPublication(publication)
        const stored = { ...message, data: message.data.slice(), headers: { ...message.headers } }
        return remoteCall(deps, `bus.publish ${message.subject} ${message.id}`, () => this.#accept(stored))
      },
      subscribe: async (options, handler) => {
        assertOpen()
        const terms = checkTerms(options)
        return remoteCall(deps, `bus.subscribe ${terms.consumer}`, () => {
          const worker: Worker = { life, terms, handler, running: 0, closed: false, idle: [] }
          this.#join(worker)
          mine.add(worker)
          return this.#subscription(worker)
        })
      },
      ping: async () => {
        assertOpen()
        return remoteCall(deps, 'bus.ping', () => undefined)
      },
      close: async () => {
        closed = true
        await Promise.all([...mine].map((worker) => this.#subscription(worker).close()))
      },
    }
  }

  /** Messages of a consumer that were moved aside after too many deliveries. */
  parked(consumer: string): number {
    return this.#consumers.get(consumer)?.parked ?? 0
  }

  /** Messages of a consumer that nobody works on now. */
  backlog(consumer: string): number {
    return this.#consumers.get(consumer)?.backlog.length ?? 0
  }

  #accept(message: BusMessage): void {
    const seenUs = this.#seenUs.get(message.id)
    if (seenUs !== undefined && this.#world.nowUs() - seenUs < DEDUPLICATION_US) return
    this.#seenUs.set(message.id, this.#world.nowUs())
    for (const consumer of this.#consumers.values()) {
      if (subjectMatches(consumer.filter, message.subject)) this.#enqueue(consumer, { message, deliveries: 0 })
    }
  }

  #join(worker: Worker): void {
    const { terms } = worker
    const known = this.#consumers.get(terms.consumer)
    if (known) checkSameFilter(known.filter, terms)
    const consumer = known ?? { name: terms.consumer, filter: terms.subject, backlog: [], workers: [], parked: 0 }
    this.#consumers.set(terms.consumer, consumer)
    consumer.workers.push(worker)
    this.#pump(consumer)
  }

  #enqueue(consumer: Consumer, pending: Pending): void {
    consumer.backlog.push(pending)
    this.#pump(consumer)
  }

  #pump(consumer: Consumer): void {
    consumer.workers = consumer.workers.filter(({ life, closed }) => life.alive && !closed)
    while (consumer.backlog.length > 0) {
      const free = consumer.workers.filter(({ running, terms }) => running < terms.concurrency)
      if (free.length === 0) return
      this.#dispatch(consumer, this.#prng.pick(free), this.#take(consumer))
    }
  }

  /** Any message that is the oldest of its subject: there is no order between subjects. */
  #take(consumer: Consumer): Pending {
    const oldest = new Map<string, Pending>()
    for (const pending of consumer.backlog) if (!oldest.has(pending.message.subject)) oldest.set(pending.message.subject, pending)
    const taken = this.#prng.pick([...oldest.values()])
    consumer.backlog.splice(consumer.backlog.indexOf(taken), 1)
    return taken
  }

  #dispatch(consumer: Consumer, worker: Worker, pending: Pending): void {
    const { faults } = this.#world
    worker.running++
    pending.deliveries++
    const controller = new AbortController()
    let settled = false
    const settle = (again: number | undefined) => {
      if (settled) return
      settled = true
      cancelTimer()
      worker.running--
      if (worker.running === 0) for (const resolve of worker.idle.splice(0)) resolve()
      if (again !== undefined) this.#again(consumer, worker.terms, pending, again)
      this.#pump(consumer)
    }
    const label = `${consumer.name} ${pending.message.id} #${pending.deliveries}`
    const cancelTimer: Cancel = this.#world.schedule({
      delayUs: worker.terms.ackWaitMs * 1_000,
      kind: 'bus.ack_wait',
      detail: label,
      run: () => {
        settle(0)
        if (worker.life.alive)
          controller.abort(new ZerogError('DEADLINE_EXCEEDED', { message: `${label} was not acknowledged in time` }))
      },
    })
    if (faults.roll('bus.drop')) return
    this.#deliver(worker, pending, { label, signal: controller.signal, settle })
  }

  #deliver(
    worker: Worker,
    pending: Pending,
    {
      label,
      signal,
      settle,
    }: { readonly label: string; readonly signal: AbortSignal; readonly settle: (again: number | undefined) => void },
  ): void {
    const { faults } = this.#world
    const slowUs = faults.roll('bus.delay') ? faults.stream('bus.delay').between(50_000, 5_000_000) : 0
    const deliveries = pending.deliveries
    const acknowledge = (kind: string, again: number | undefined) => {
      if (!worker.life.alive) return
      const isLost = again === undefined && faults.roll('bus.duplicate')
      this.#world.schedule({
        delayUs: this.#legUs(),
        kind: isLost ? 'bus.ack_lost' : kind,
        detail: label,
        run: () => isLost || settle(again),
      })
    }
    this.#world.schedule({
      delayUs: this.#legUs() + slowUs,
      owner: worker.life,
      kind: 'bus.deliver',
      detail: label,
      run: () => {
        // A copy per delivery: a handler that writes into the data must not change what the next one sees.
        const delivery = { ...pending.message, data: pending.message.data.slice(), deliveries }
        handled(worker.handler, delivery, signal).then(
          () => acknowledge('bus.ack', undefined),
          () => acknowledge('bus.nack', redeliveryDelayMs(deliveries)),
        )
      },
    })
  }

  #again(consumer: Consumer, terms: Terms, pending: Pending, delayMs: number): void {
    if (pending.deliveries >= terms.deliveriesMax) {
      consumer.parked++
      this.#world.record('bus', 'bus.parked', `${consumer.name} ${pending.message.id}`)
      return
    }
    const run = () => this.#enqueue(consumer, pending)
    this.#world.schedule({
      delayUs: delayMs * 1_000,
      kind: 'bus.redeliver',
      detail: `${consumer.name} ${pending.message.id}`,
      run,
    })
  }

  #subscription(worker: Worker): Subscription {
    return {
      close: async () => {
        if (!worker.life.alive) return never()
        worker.closed = true
        if (worker.running > 0) await new Promise<void>((resolve) => worker.idle.push(resolve))
      },
    }
  }

  #legUs(): number {
    return 100 + Math.ceil(this.#prng.exponential(1_000))
  }
}

async function handled(handler: Handler, ...[delivery, signal]: Parameters<Handler>): Promise<void> {
  await handler(delivery, signal)
}
