import type { Endpoint } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { HealthDefinition, HealthCheckResponse_ServingStatus as Serving } from '@zerog/proto/grpc/health'
import type { RpcHost } from './host.ts'

type Methods = typeof HealthDefinition.methods

/** grpc.health.v1 of a host: one status for the process (""), the same per service. Every identity of the network may ask. */
export function serveHealth(host: RpcHost): void {
  const status = (service: string) => {
    if (service !== '' && !host.services().includes(service)) return undefined
    return host.state() === 'serving' ? Serving.SERVING : Serving.NOT_SERVING
  }

  const check: Endpoint<Methods['check']> = {
    method: HealthDefinition.methods.check,
    allow: ['*'],
    async handle({ service }) {
      const found = status(service)
      if (found === undefined) throw new ZerogError('NOT_FOUND', { message: `${service} is not served here` })
      return { status: found }
    },
  }
  const watch: Endpoint<Methods['watch']> = {
    method: HealthDefinition.methods.watch,
    allow: ['*'],
    async *handle({ service }, { signal }) {
      let shown: Serving | undefined
      while (!signal.aborted) {
        const changed = Promise.withResolvers<void>()
        const stop = host.observe(changed.resolve)
        signal.addEventListener('abort', () => changed.resolve(), { once: true })
        const now = status(service) ?? Serving.SERVICE_UNKNOWN
        if (now !== shown) {
          shown = now
          yield { status: now }
        }
        await changed.promise
        stop()
      }
    },
  }
  host.addForEveryone(HealthDefinition, { check, watch })
}
