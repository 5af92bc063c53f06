import type { Meter } from '@zerog/ports'
import type { FastifyInstance } from 'fastify'

/** First segment of a path and the face behind it; what is not here is `other`. */
const FACES: ReadonlyMap<string, string> = new Map([
  ['', 'json_rpc'],
  ['rpc', 'json_rpc'],
  ['storage', 'storage'],
  ['indexer', 'storage'],
  ['v1', 'openai'],
  ['da', 'da'],
  ['status', 'status'],
])

/** Rate, errors and duration by face. Streams count when they end. */
export function measureRequests(app: FastifyInstance, meter: Meter): void {
  const requests = meter.counter({
    name: 'zerog_gateway_requests_total',
    help: 'HTTP requests by face and class of status; aborted: the client left before the answer.',
    labels: ['face', 'status'],
  })
  const duration = meter.histogram({
    name: 'zerog_gateway_request_seconds',
    help: 'Time from the head of a request to the end of its answer.',
    labels: ['face'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  })
  app.addHook('onRequest', (request, reply, done) => {
    const startedMs = performance.now()
    const face = faceOf(request.url)
    reply.raw.once('close', () => {
      const status = reply.raw.writableFinished ? `${Math.floor(reply.raw.statusCode / 100)}xx` : 'aborted'
      requests.add(1, { face, status })
      duration.observe((performance.now() - startedMs) / 1000, { face })
    })
    done()
  })
}

export function faceOf(url: string): string {
  return FACES.get(/^\/([^/?]*)/.exec(url)?.[1] ?? '') ?? 'other'
}
