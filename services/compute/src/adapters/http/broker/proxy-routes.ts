import type { ServerResponse } from 'node:http'
import type { Clock, Logger } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import type { Asked, Broker } from '../../../app/broker/broker.ts'
import type { BrokerMetrics } from '../../../app/broker/metrics.ts'
import type { AnswerSink } from '../../../app/broker/ports.ts'
import { parseEmbeddingRequest } from '../../../core/openai/embedding-request.ts'
import { OpenAiError } from '../../../core/openai/errors.ts'
import { parseChatRequest, parseCompletionRequest } from '../../../core/openai/request.ts'
import type { Entered } from '../doors.ts'
import { openAiAnswer } from './errors.ts'
import { type BrokerServer, corsFor } from './server.ts'
import { httpSink } from './sink.ts'

type Deps = { readonly broker: Broker; readonly metrics: BrokerMetrics; readonly clock: Clock; readonly logger: Logger }
type Answer = (asked: Asked, sink: AnswerSink) => Promise<void>

/** OpenAI's routes as 0G's SDK calls them, below /v1/proxy. */
export function registerProxyRoutes({ doors, closing }: Pick<BrokerServer, 'doors' | 'closing'>, deps: Deps): void {
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
    const served = { ...deps, route, answer, closing }
    doors.post(`/v1/proxy/${path}`, (entered) => void serve(entered, served))
  }
}

async function serve(
  { headers, response, id, body }: Entered,
  of: Deps & { readonly route: string; readonly answer: Answer; readonly closing: () => boolean },
): Promise<void> {
  const { broker, metrics, clock, logger, route, answer } = of
  const startedMs = clock.monotonicMs()
  const fixed = { ...corsFor(headers), 'x-request-id': id }
  let status = 200
  try {
    if (of.closing()) throw new ZerogError('SHUTTING_DOWN', { message: 'this broker is stopping', retryAfterMs: 1000 })
    if (body === undefined) {
      // The rest of it is not read.
      response.setHeader('connection', 'close')
      throw new OpenAiError({ status: 413, message: 'The body of your request is too large.', code: 'request_too_large' })
    }
    const { user, admitted } = await broker.admit(headers.authorization)
    const acknowledgement = headers['x-zerog-acknowledge'] === 'signed' ? 'signed' : 'write'
    const sink = timed(httpSink(response, fixed), () => firstByte())
    await answer({ user, admitted, body, acknowledgement }, sink)
  } catch (error) {
    status = refuse(response, fixed, error)
    if (status >= 500) logger.warn('request_failed', { route, requestId: id, error })
    else logger.debug('request_refused', { route, status, requestId: id, error: String(error) })
  }
  metrics.requests.add(1, { route, status: String(status) })
  metrics.requestSeconds.observe((clock.monotonicMs() - startedMs) / 1000, { route })

  function firstByte(): void {
    metrics.firstByteSeconds.observe((clock.monotonicMs() - startedMs) / 1000)
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

/** Nothing was sent yet: the whole response is the error. */
function refuse(response: ServerResponse, fixed: Readonly<Record<string, string>>, error: unknown): number {
  const { status, headers, body } = openAiAnswer(error)
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return 499
  }
  const text = JSON.stringify(body)
  response.writeHead(status, {
    ...fixed,
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    ...headers,
  })
  response.end(text)
  return status
}
