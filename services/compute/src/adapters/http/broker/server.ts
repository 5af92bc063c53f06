import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Random, Traces } from '@zerog/ports'
import { traceHttp } from '@zerog/runtime'
import fastify, { type FastifyInstance } from 'fastify'
import { createDoors, type Doors } from '../doors.ts'
import { zeroGError } from './errors.ts'

/** Browser pages of other origins call brokers, and must see the answer's id. */
const CORS_HEADERS = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'ZG-Res-Key, X-Zerog-Cost-Wei, X-Zerog-Receipt, X-Request-Id, Retry-After',
} as const

/** Only pages of other origins send `Origin`, and only they need to hear that they may read the answer. */
export function corsFor({ origin }: IncomingHttpHeaders): Readonly<Record<string, string>> {
  return origin === undefined ? {} : CORS_HEADERS
}

export type BrokerServer = {
  /** Every route but those of `doors`. */
  readonly app: FastifyInstance
  readonly doors: Pick<Doors, 'post'>
  /** No new requests are taken. */
  closing(): boolean
}

/** The HTTP face of a broker without its routes. Bodies arrive as bytes, whatever their type: receipts are about the exact bytes. */
export function createBrokerServer(
  options: { readonly bodyBytesMax: number },
  deps: { readonly random: Random; readonly traces: Traces },
): BrokerServer {
  const { bodyBytesMax } = options
  const idOf = ({ headers }: IncomingMessage) => given(headers['x-request-id']) ?? deps.random.uuid()
  const doors = createDoors({ bodyBytesMax, keepAliveMs: 75_000 }, { traces: deps.traces, idOf })
  let closing = false
  const app = fastify({
    bodyLimit: bodyBytesMax,
    serverFactory: doors.serverFactory,
    genReqId: idOf,
    // Paths have addresses and model names in them.
    routerOptions: { maxParamLength: 300 },
    forceCloseConnections: 'idle',
    return503OnClosing: true,
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  traceHttp(app, deps.traces)
  app.addHook('preClose', async () => {
    closing = true
  })
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers({ ...corsFor(request.headers), 'x-request-id': request.id })
    if (request.method !== 'OPTIONS') return done()
    const wanted = request.headers['access-control-request-headers']
    void reply
      .headers({
        'access-control-allow-methods': 'GET, POST, OPTIONS',
        'access-control-allow-headers': wanted ?? 'authorization, content-type',
        'access-control-max-age': '86400',
      })
      .code(204)
      .send()
  })
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ error: `there is no ${request.method} ${request.url.split('?')[0]} here` }),
  )
  app.setErrorHandler((error, _request, reply) => {
    const { status, headers, body } = zeroGError(error)
    return reply.code(status).headers(headers).send(body)
  })
  return { app, doors, closing: () => closing }
}

/** An id of the caller, if it is one that a log line can bear. */
function given(id: string | string[] | undefined): string | undefined {
  return typeof id === 'string' && /^[\w.:-]{1,128}$/.test(id) ? id : undefined
}
