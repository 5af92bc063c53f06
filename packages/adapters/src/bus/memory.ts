import type { BusMessage, Clock, Logger, Subscription } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { BUS_DEDUPLICATION_MS, BUS_MEMORY_QUEUE_MAX } from '../limits.ts'
import { type BusHandler, deliver } from './deliver.ts'
import type { ObservedBus } from './observed.ts'
import { checkPublication, checkSameFilter, checkTerms, redeliveryDelayMs, subjectMatches, type Terms } from './rules.ts'

type Pending = { readonly message: BusMessage; deliveries: number }

type Worker = {
  readonly terms: Terms
  readonly handler: BusHandler
  running: number
  closed: boolean
  readonly idle: (() => void)[]
}

type Consumer = {
  readonly filter: string
  readonly queue: Pending[]
  resting: number
  readonly workers: Worker[]
  parked: number
}

/** The bus of simulations, unit tests and nothing else: durable only as long as the process lives. */
export function memoryBus({ clock, logger }: { readonly clock: Clock; readonly logger?: Logger }): ObservedBus {
  const consumers = new Map<string, Consumer>()
  const seen = new Map<string, number>()
  let closed = false

  function refuseWhenClosed() {
    if (closed) throw new ZerogError('SHUTTING_DOWN', { message: 'the bus is closed' })
  }

  function forgetOldIds() {
    const oldestMs = clock.nowMs() - BUS_DEDUPLICATION_MS
    for (const [id, atMs] of seen) {
      if (atMs >= oldestMs) break
      seen.delete(id)
    }
  }

  function pump(name: string, consumer: Consumer) {
    for (const worker of consumer.workers) {
      while (!worker.closed && worker.running < worker.terms.concurrency) {
        const next = consumer.queue.shift()
        if (next === undefined) return
        void work(name, consumer, worker, next)
      }
    }
  }

  async function work(name: string, consumer: Consumer, worker: Worker, pending: Pending) {
    worker.running++
    pending.deliveries++
    // A copy per delivery: a handler that writes into the data must not change what the next one sees.
    const delivery = { ...pending.message, data: pending.message.data.slice(), deliveries: pending.deliveries }
    const outcome = await deliver(delivery, worker.handler, { ackWaitMs: worker.terms.ackWaitMs, clock })
    worker.running--
    if (worker.closed && worker.running === 0) for (const resolve of worker.idle.splice(0)) resolve()
    if (outcome.kind !== 'done') again(name, consumer, worker.terms, pending, outcome.kind === 'late')
    pump(name, consumer)
  }

  function again(name: string, consumer: Consumer, terms: Terms, pending: Pending, late: boolean) {
    if (pending.deliveries >= terms.deliveriesMax) {
      consumer.parked++
      logger?.error('bus_message_parked', { consumer: name, subject: pending.message.subject, id: pending.message.id })
      return
    }
    consumer.resting++
    clock.after(late ? 0 : redeliveryDelayMs(pending.deliveries), () => {
      consumer.resting--
      consumer.queue.push(pending)
      if (!closed) pump(name, consumer)
    })
  }

  return {
    async publish(publication) {
      refuseWhenClosed()
      const message = checkPublication(publication)
      forgetOldIds()
      if (seen.has(message.id)) return
      const targets = [...consumers].filter(([, { filter }]) => subjectMatches(filter, message.subject))
      for (const [name, consumer] of targets) {
        if (consumer.queue.length + consumer.resting >= BUS_MEMORY_QUEUE_MAX) {
          throw new ZerogError('QUEUE_FULL', { message: `consumer ${name} has ${BUS_MEMORY_QUEUE_MAX} messages waiting` })
        }
      }
      seen.set(message.id, clock.nowMs())
      const stored = { ...message, data: message.data.slice(), headers: { ...message.headers } }
      for (const [name, consumer] of targets) {
        consumer.queue.push({ message: stored, deliveries: 0 })
        // After the publisher went on, as with a real bus.
        queueMicrotask(() => pump(name, consumer))
      }
    },

    async subscribe(options, handler): Promise<Subscription> {
      refuseWhenClosed()
      const terms = checkTerms(options)
      const consumer = consumers.get(terms.consumer) ?? { filter: terms.subject, queue: [], resting: 0, workers: [], parked: 0 }
      checkSameFilter(consumer.filter, terms)
      consumers.set(terms.consumer, consumer)
      const worker: Worker = { terms, handler, running: 0, closed: false, idle: [] }
      consumer.workers.push(worker)
      queueMicrotask(() => pump(terms.consumer, consumer))
      return {
        async close() {
          worker.closed = true
          const index = consumer.workers.indexOf(worker)
          if (index >= 0) consumer.workers.splice(index, 1)
          if (worker.running > 0) await new Promise<void>((resolve) => worker.idle.push(resolve))
        },
      }
    },

    async parked(name) {
      return consumers.get(name)?.parked ?? 0
    },

    async ping() {
      refuseWhenClosed()
    },

    async close() {
      closed = true
      const workers = [...consumers.values()].flatMap((consumer) => consumer.workers.splice(0))
      for (const worker of workers) worker.closed = true
      await Promise.all(
        workers.filter(({ running }) => running > 0).map(({ idle }) => new Promise<void>((resolve) => idle.push(resolve))),
      )
    },
  }
}
