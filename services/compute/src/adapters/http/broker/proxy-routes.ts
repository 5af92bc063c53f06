import type { Clock, Logger } from '@zerog/ports'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Asked, Broker } from '../../../app/broker/broker.ts'
import type { BrokerMetrics } from '../../../app/broker/metrics.ts'
import type { AnswerSink } from '../../../app/broker/ports.ts'
import { parseEmbeddingRequest } from '../../../core/openai/embedding-request.ts'
import { badRequest } from '../../../core/openai/errors.ts'
import { parseChatRequest, parseCompletionRequest } from '../../../core/openai/request.ts'
import { openAiAnswer } from './errors.ts'
import { corsFor } from './server.ts'
import { httpSink } from './sink.ts'

type Deps = { readonly broker: Broker; readonly metrics: BrokerMetrics; readonly clock: Clock; readonly logger: Logger }
type Answer = (asked: Asked, sink: AnswerSink) => Promise<void>

/** OpenAI's routes as 0G's SDK calls them, below /v1/proxy. */
export function registerProxyRoutes(app: FastifyInstance, deps: Deps): void {
  const { broker } = deps
  const generation =
    (parse: typeof parseChatRequest): Answer =>
    (asked, sink) =>
      broker.generate(asked, parse(asked.body), sink)
  const routes: readonly (readonly [path: string, answer: Answer])[] = [
    ['chat/completions', generation(parseChatRequest)],
    ['completions', generation(parseCompletionRequest)],
    ['embeddings', (asked, sink) => broker.embed(asked, parseEmbeddingRequest(asked.body), sink)],
  ]
  for (const [path, answer] of routes) {
    const route = path.replace('/', '_')
    app.post(`/v1/proxy/${path}`, (request, reply) => serve(request, reply, { ...deps, route, answer }))
  }
}

async function serve(
  request: FastifyRequest,
  reply: FastifyReply,
  { broker, metrics, clock, logger, route, answer }: Deps & { readonly route: string; readonly answer: Answer },
): Promise<void> {
  const startedMs = clock.monotonicMs()
  let status = 200
  // From here on the response is ours: fastify would serialize what must go out byte for byte.
  reply.hijack()
  try {
    const { user, admitted } = await broker.admit(request.headers.authorization)
    const acknowledgement = request.headers['x-zerog-acknowledge'] === 'signed' ? 'signed' : 'write'
    const sink = httpSink(reply.raw, { ...corsFor(request.headers), 'x-request-id': request.id })
    await answer(
      { user, admitted, body: bodyOf(request), acknowledgement },
      timed(sink, () => firstByte(startedMs)),
    )
  } catch (error) {
    status = refuse(request, reply, error)
    if (status >= 500) logger.warn('request_failed', { route, requestId: request.id, error })
    else logger.debug('request_refused', { route, status, requestId: request.id, error: String(error) })
  }
  metrics.requests.add(1, { route, status: String(status) })
  metrics.requestSeconds.observe((clock.monotonicMs() - startedMs) / 1000, { route })

  function firstByte(sinceMs: number): void {
    metrics.firstByteSeconds.observe((clock.monotonicMs() - sinceMs) / 1000)
  }
}

function timed(sink: AnswerSink, onFirst: () => void): AnswerSink {
  let first = true
  return {
    ...sink,
    write(bytes) {
      if (first) onFirst()
      first = false
      return sink.write(bytes)
    },
  }
}

function bodyOf(request: FastifyRequest): Uint8Array {
  if (request.body instanceof Uint8Array) return request.body
  throw badRequest('The body of your request must be a JSON object.', undefined, 'invalid_json')
}

/** Nothing was sent yet: the whole response is the error. */
function refuse({ id, headers: asked }: FastifyRequest, reply: FastifyReply, error: unknown): number {
  const { status, headers, body } = openAiAnswer(error)
  const { raw } = reply
  if (raw.headersSent || raw.destroyed) {
    raw.destroy()
    return 499
  }
  const text = JSON.stringify(body)
  raw.writeHead(status, {
    ...corsFor(asked),
    'x-request-id': id,
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    ...headers,
  })
  raw.end(text)
  return status
}
