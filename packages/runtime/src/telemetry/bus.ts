import { SpanKind } from '@opentelemetry/api'
import type { Bus } from '@zerog/ports'
import { extractTrace, injectTrace, startScope, type Tracing } from './tracing.ts'

/** Carries the trace of the publisher in the headers of the message, so that the work of a consumer shows up in the same trace. */
export function tracedBus(bus: Bus, tracing: Tracing): Bus {
  return {
    async publish(message) {
      const scope = startScope(tracing, {
        name: `publish ${message.subject}`,
        kind: SpanKind.PRODUCER,
        attributes: { 'messaging.destination.name': message.subject, 'messaging.message.id': message.id },
      })
      await scope.run(() => ending(scope, () => bus.publish({ ...message, headers: injectTrace({ ...message.headers }) })))
    },
    subscribe: (options, handler) =>
      bus.subscribe(options, (delivery, signal) => {
        const scope = startScope(tracing, {
          name: `process ${delivery.subject}`,
          kind: SpanKind.CONSUMER,
          parent: extractTrace(delivery.headers),
          attributes: {
            'messaging.destination.name': delivery.subject,
            'messaging.message.id': delivery.id,
            'messaging.consumer.group.name': options.consumer,
            'zerog.deliveries': delivery.deliveries,
          },
          requestId: delivery.id,
        })
        return scope.run(() => ending(scope, () => handler(delivery, signal)))
      }),
    ping: () => bus.ping(),
    close: () => bus.close(),
  }
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
