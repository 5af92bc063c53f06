import type { Meter, Traces } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { traceHttp } from '@zerog/runtime'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { GatewayConfig } from '../../config.ts'
import { registerCors } from './cors.ts'
import { sendProblem } from './problem.ts'
import { requestIdOf } from './request-id.ts'
import { measureRequests } from './request-metrics.ts'

/** The HTTP server with everything that holds for every face: request ids, CORS, limits, problem documents. No routes yet. */
export function createHttpServer(
  config: GatewayConfig,
  deps: {
    readonly uuid: () => string
    readonly admit: (address: string) => Promise<void>
    readonly meter: Meter
    readonly traces: Traces
  },
): FastifyInstance {
  const app = fastify({
    bodyLimit: config.rpcBodyBytesMax,
    requestTimeout: 0,
    connectionTimeout: 0,
    keepAliveTimeout: 65_000,
    trustProxy: config.trustProxy,
    genReqId: (raw) => requestIdOf(raw.headers['x-request-id'], deps.uuid),
    forceCloseConnections: 'idle',
    // The framework's own answer is in nobody's form: `refuseWhileClosing` words it for each face.
    return503OnClosing: false,
    logger: false,
    routerOptions: { maxParamLength: 1_024 },
  })
  app.server.maxConnections = config.connectionsMax
  traceHttp(app, deps.traces)
  measureRequests(app, deps.meter)
  // Clients send JSON-RPC under any content type (curl -d says form); every body arrives as bytes.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  registerCors(app, config.corsOrigins)
  refuseWhileClosing(app)
  registerConnectionLimit(app, config.requestsPerConnectionMax)
  app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    reply.header('x-request-id', request.id)
    await deps.admit(request.ip)
  })
  app.setErrorHandler((error, request, reply) => sendProblem(reply, error, request.id))
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      reply,
      new ZerogError('NOT_FOUND', {
        message: `there is nothing at ${request.method} ${request.url.split('?')[0]}; GET /status lists the faces of this gateway`,
      }),
      request.id,
    ),
  )
  return app
}

/** Requests that still come over open connections; new connections are not accepted any more. */
function refuseWhileClosing(app: FastifyInstance): void {
  let closing = false
  app.addHook('preClose', async () => {
    closing = true
  })
  app.addHook('onRequest', async () => {
    if (!closing) return
    throw new ZerogError('SHUTTING_DOWN', {
      message: 'this gateway is shutting down; call another one, or again in a moment',
      retryAfterMs: 1_000,
    })
  })
}

/** Pipelined requests of one connection run at once; beyond the limit they are refused instead of piling up. */
function registerConnectionLimit(app: FastifyInstance, requestsMax: number): void {
  const running = new WeakMap<object, number>()
  app.addHook('onRequest', async (request, reply) => {
    const socket = request.raw.socket
    const count = (running.get(socket) ?? 0) + 1
    running.set(socket, count)
    reply.raw.once('close', () => running.set(socket, (running.get(socket) ?? 1) - 1))
    if (count > requestsMax) {
      throw new ZerogError('QUEUE_FULL', {
        message: `more than ${requestsMax} requests run on this connection; wait for answers before sending more`,
        retryAfterMs: 1_000,
      })
    }
  })
}
