import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Random, Traces } from '@zerog/ports'
import { traceHttp } from '@zerog/runtime'
import fastify, { type FastifyInstance } from 'fastify'
import { OpenAiError } from '../../../core/openai/errors.ts'
import { createDoors, type Doors } from '../doors.ts'
import { toOpenAiError } from './errors.ts'

export const ROUTER_CORS = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers':
    'x-request-id, x-zerog-cost-wei, x-zerog-receipt-id, x-zerog-provider, zg-res-key, retry-after, retry-after-ms, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens',
} as const

/** Only pages of other origins send `Origin`, and only they need to hear that they may read the answer. */
export function corsFor({ origin }: IncomingHttpHeaders): Readonly<Record<string, string>> {
  return origin === undefined ? {} : ROUTER_CORS
}

export type RouterServer = {
  /** Every route but those of `post`. */
  readonly app: FastifyInstance
  /** A route that runs hundreds of times a second; the framework's hooks, errors and limits do not apply. */
  readonly post: Doors['post']
}

/** The HTTP face without its routes. Bodies arrive as bytes: they go on exactly as they came. */
export function createRouterServer(
  options: { readonly bodyBytesMax: number },
  deps: { readonly random: Random; readonly traces: Traces },
): RouterServer {
  const { bodyBytesMax } = options
  const idOf = ({ headers }: IncomingMessage) => given(headers['x-request-id']) ?? `req_${deps.random.uuid().replaceAll('-', '')}`
  const doors = createDoors({ bodyBytesMax, keepAliveMs: 75_000 }, { traces: deps.traces, idOf })
  const app = fastify({
    bodyLimit: bodyBytesMax,
    serverFactory: doors.serverFactory,
    genReqId: idOf,
    routerOptions: { maxParamLength: 300 },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    logger: false,
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  traceHttp(app, deps.traces)
  let closing = false
  app.addHook('preClose', async () => {
    closing = true
  })
  app.addHook('onRequest', (request, reply, done) => {
    if (closing) {
      reply.headers(REFUSED)
      return done(shuttingDown())
    }
    if (request.method !== 'OPTIONS') return done()
    void reply
      .headers({
        ...ROUTER_CORS,
        'access-control-allow-methods': 'GET, POST, OPTIONS',
        'access-control-allow-headers': request.headers['access-control-request-headers'] ?? 'authorization, content-type',
        'access-control-max-age': '86400',
      })
      .code(204)
      .send()
  })
  app.setNotFoundHandler((request, reply) => {
    const message = `Unknown request URL: ${request.method} ${request.url.split('?')[0]}.`
    const error = new OpenAiError({ status: 404, message, type: 'invalid_request_error', code: 'unknown_url' })
    return reply
      .code(404)
      .headers({ ...ROUTER_CORS, 'x-request-id': request.id })
      .send(error.body())
  })
  app.setErrorHandler((error, request, reply) => {
    const form = toOpenAiError(error)
    return reply
      .code(form.status)
      .headers({ ...ROUTER_CORS, 'x-request-id': request.id, ...form.headers() })
      .send(form.body())
  })
  return {
    app,
    post(path, enter) {
      doors.post(path, (entered) => {
        if (!closing) return enter(entered)
        answerError(entered.response, shuttingDown(), { ...ROUTER_CORS, ...REFUSED, 'x-request-id': entered.id })
      })
    },
  }
}

/** The whole response is the error: nothing was sent before. */
export function answerError(response: ServerResponse, error: OpenAiError, headers: Readonly<Record<string, string>>): void {
  const text = JSON.stringify(error.body())
  response.writeHead(error.status, {
    ...headers,
    ...error.headers(),
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}

/** Tells a gateway that nothing was begun: it asks our successor. */
const REFUSED = { 'x-zerog-refused': 'shutting_down' } as const

function shuttingDown(): OpenAiError {
  return new OpenAiError({ status: 503, message: 'This router is shutting down.', code: 'shutting_down', retryAfterMs: 1000 })
}

function given(id: string | string[] | undefined): string | undefined {
  return typeof id === 'string' && /^[\w.:-]{1,128}$/.test(id) ? id : undefined
}
