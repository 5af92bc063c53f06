import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { Readable } from 'node:stream'
import type { Traces } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Hold } from '../../app/hold.ts'
import { LIMITS } from '../../limits.ts'

/** Connections to the router that are kept. */
const SOCKETS_MAX = 1024
/** Below the 75 s after which the router closes idle ones. */
const IDLE_MS = 30_000

/** How long GET /status waits for the router. */
const STATUS_MS = 2_000

/** Belong to one connection, not to the message (RFC 9110, 7.6.1), or are ours to say. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'expect',
])

export type OpenAiFace = {
  readonly path: '/v1'
  readonly status: () => Promise<{ readonly ready: boolean; readonly detail: string }>
}

/**
 * The OpenAI-compatible face: /v1/* goes to the compute router as it came, and its bytes come back as they come. A request that the router
 * did not take, because it is restarting, waits for its successor.
 */
export async function registerOpenAi(
  app: FastifyInstance,
  options: { readonly routerUrl: string },
  deps: { readonly traces: Traces; readonly hold: Hold },
): Promise<OpenAiFace> {
  const base = new URL(options.routerUrl)
  const secure = base.protocol === 'https:'
  const agentOptions = { keepAlive: true, maxSockets: SOCKETS_MAX, timeout: IDLE_MS }
  const agent = secure ? new HttpsAgent(agentOptions) : new Agent(agentOptions)
  app.addHook('onClose', async () => agent.destroy())

  function forward(
    request: FastifyRequest,
    reply: FastifyReply,
    body: Uint8Array | Readable | undefined,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const target = new URL(request.url, base)
      const outgoing = (secure ? httpsRequest : httpRequest)(target, {
        method: request.method,
        agent,
        headers: {
          ...passed(request.headers),
          ...deps.traces.headers(),
          'x-request-id': request.id,
          'x-forwarded-for': request.ip,
        },
      })
      outgoing.once('response', (answer) => {
        if (!isClosing(answer)) return resolve(answer)
        answer.resume()
        reject(away('the compute router is shutting down'))
      })
      outgoing.once('error', (error: NodeJS.ErrnoException) => {
        // Not taken: nobody listened, or the connection had been closed before the request came. All else may have begun.
        const stale = outgoing.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
        reject(stale || error.code === 'ECONNREFUSED' ? away('the compute router does not answer', error) : error)
      })
      // The client went away: the router must stop producing what nobody reads.
      reply.raw.once('close', () => {
        if (!reply.raw.writableFinished) outgoing.destroy()
      })
      if (body instanceof Readable) body.pipe(outgoing)
      else outgoing.end(body)
    })
  }

  async function ask(request: FastifyRequest, reply: FastifyReply): Promise<IncomingMessage> {
    const body = request.body instanceof Readable ? await kept(request.body) : undefined // the parser below hands the stream on
    if (body instanceof Readable) return forward(request, reply, body)
    const gone = new AbortController()
    reply.raw.once('close', () => gone.abort())
    return deps.hold.run('compute-router', () => forward(request, reply, body), gone.signal)
  }

  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    // OPTIONS stays with the gateway's own CORS.
    scope.route({
      method: ['GET', 'POST', 'DELETE'],
      url: '/v1/*',
      handler: async (request, reply) => {
        let answer: IncomingMessage
        try {
          answer = await ask(request, reply)
        } catch {
          return reply
            .code(503)
            .headers({ 'retry-after': '1' })
            .send({
              error: {
                message: 'The compute router of this installation does not answer. Try again in a moment.',
                type: 'server_error',
                param: null,
                code: 'router_unavailable',
              },
            })
        }
        return reply
          .code(answer.statusCode ?? 502)
          .headers(passed(answer.headers))
          .send(answer)
      },
    })
  })

  return {
    path: '/v1',
    async status() {
      const answer = await fetch(new URL('/v1/zerog/status', base), { signal: AbortSignal.timeout(STATUS_MS) })
      if (!answer.ok) throw new Error(`the router answers ${answer.status}`)
      const { ready, detail } = (await answer.json()) as { ready: unknown; detail: unknown }
      return { ready: ready === true, detail: String(detail) }
    },
  }
}

function away(message: string, cause?: unknown): ZerogError {
  return new ZerogError('DEPENDENCY_UNAVAILABLE', { message, cause })
}

/** The router refuses so before it reads a request. */
function isClosing({ statusCode, headers }: IncomingMessage): boolean {
  return statusCode === 503 && headers['x-zerog-refused'] === 'shutting_down'
}

/** The whole body, to be sent again; a larger one stays a stream that nothing was taken from. */
async function kept(body: Readable): Promise<Uint8Array | Readable> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of body.iterator({ destroyOnReturn: false })) {
    parts.push(part)
    bytes += part.length
    if (bytes > LIMITS.heldBodyBytesMax) {
      for (const back of parts.toReversed()) body.unshift(back)
      return body
    }
  }
  return Buffer.concat(parts)
}

function passed(headers: IncomingMessage['headers']): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).filter(
      (entry): entry is [string, string | string[]] => entry[1] !== undefined && !HOP_BY_HOP.has(entry[0]),
    ),
  )
}
