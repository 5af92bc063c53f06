import { SpanKind } from '@opentelemetry/api'
import type { Bus, BusDelivery, Clock, Meter } from '@zerog/ports'
import { extractTrace, injectTrace, startScope, type Tracing } from './tracing.ts'

/** When the publisher asked, Unix ms by its clock. */
const PUBLISHED_HEADER = 'zerog-published-ms'
const LAG_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900]

type Deps = { readonly tracing: Tracing; readonly meter: Meter; readonly clock: Clock }

/**
 * Carries the trace of the publisher in the headers of the message, so that the work of a consumer shows up in the same trace, and
 * measures how long messages wait for it.
 */
export function tracedBus(bus: Bus, { tracing, meter, clock }: Deps): Bus {
  const metrics = busMetrics(meter)
  return {
    async publish(message) {
      const scope = startScope(tracing, {
        name: `publish ${message.subject}`,
        kind: SpanKind.PRODUCER,
        attributes: { 'messaging.destination.name': message.subject, 'messaging.message.id': message.id },
      })
      const send = () => {
        const headers = injectTrace({ ...message.headers, [PUBLISHED_HEADER]: String(Math.round(clock.nowMs())) })
        return ending(scope, () => bus.publish({ ...message, headers }))
      }
      await scope.run(send).then(
        () => metrics.published.add(1, { subject: message.subject, outcome: 'ok' }),
        (error: unknown) => {
          metrics.published.add(1, { subject: message.subject, outcome: 'failed' })
          throw error
        },
      )
    },
    subscribe: (options, handler) =>
      bus.subscribe(options, (delivery, signal) => {
        const { consumer } = options
        const scope = startScope(tracing, {
          name: `process ${delivery.subject}`,
          kind: SpanKind.CONSUMER,
          parent: extractTrace(delivery.headers),
          attributes: {
            'messaging.destination.name': delivery.subject,
            'messaging.message.id': delivery.id,
            'messaging.consumer.group.name': consumer,
            'zerog.deliveries': delivery.deliveries,
          },
          requestId: delivery.id,
        })
        const waitedMs = clock.nowMs() - publishedMs(delivery)
        if (Number.isFinite(waitedMs)) metrics.lag.observe(Math.max(0, waitedMs) / 1000, { consumer })
        return scope
          .run(() => ending(scope, () => handler(delivery, signal)))
          .then(
            () => metrics.handled.add(1, { consumer, outcome: 'ok' }),
            (error: unknown) => {
              metrics.handled.add(1, { consumer, outcome: 'failed' })
              throw error
            },
          )
      }),
    ping: () => bus.ping(),
    close: () => bus.close(),
  }
}

/** Subjects and consumers are names in the code: a handful per service. */
function busMetrics(meter: Meter) {
  return {
    published: meter.counter({
      name: 'zerog_bus_published_total',
      help: 'Messages that were handed to the bus.',
      labels: ['subject', 'outcome'],
    }),
    handled: meter.counter({
      name: 'zerog_bus_handled_total',
      help: 'Deliveries by what became of them; failed ones come again.',
      labels: ['consumer', 'outcome'],
    }),
    lag: meter.histogram({
      name: 'zerog_bus_lag_seconds',
      help: 'Time from the publication of a message to its delivery, redeliveries included.',
      labels: ['consumer'],
      buckets: LAG_BUCKETS,
    }),
  }
}

/** NaN where an earlier release published it, or somebody wrote nonsense. */
function publishedMs({ headers }: BusDelivery): number {
  const text = headers[PUBLISHED_HEADER]
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
}

async function ending(scope: { readonly end: (error?: unknown) => void }, work: () => Promise<void>): Promise<void> {
  try {
    await work()
    scope.end()
  } catch (error) {
    scope.end(error)
    throw error
  }
}
