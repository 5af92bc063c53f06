import type { Clock, Logger } from '@zerog/ports'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Asked } from '../../../app/router/attempt.ts'
import type { Idempotency } from '../../../app/router/idempotency.ts'
import type { Keys } from '../../../app/router/keys.ts'
import type { RouterMetrics } from '../../../app/router/metrics.ts'
import type { Router, Work } from '../../../app/router/router.ts'
import { parseEmbeddingRequest } from '../../../core/openai/embedding-request.ts'
import { badRequest } from '../../../core/openai/errors.ts'
import { type GenerationRequest, NO_ROUTING, parseChatRequest, parseCompletionRequest } from '../../../core/openai/request.ts'
import { toOpenAiError } from './errors.ts'
import { corsFor } from './server.ts'
import { responseSink } from './sink.ts'

export type GenerationDeps = {
  readonly router: Router
  readonly keys: Keys
  readonly idempotency: Idempotency
  readonly metrics: RouterMetrics
  readonly clock: Clock
  readonly logger: Logger
}

const PARSERS: Readonly<Record<Asked['path'], (body: Uint8Array) => Work>> = {
  'chat/completions': (body) => workOf(parseChatRequest(body), body),
  completions: (body) => workOf(parseCompletionRequest(body), body),
  embeddings: (body) => {
    const { model, inputs } = parseEmbeddingRequest(body)
    const none = { maxTokens: 0, choices: 1, stream: false, routing: NO_ROUTING }
    return { ...none, model, textBytes: body.length, messageCount: inputs.length }
  },
}

/** What costs money: POST /v1/chat/completions, /v1/completions, /v1/embeddings. */
export function registerGenerations(app: FastifyInstance, deps: GenerationDeps): void {
  // `as`: the keys of the table.
  for (const path of Object.keys(PARSERS) as Asked['path'][]) {
    app.post(`/v1/${path}`, (request, reply) => serve(request, reply, path, deps))
  }
}

async function serve(request: FastifyRequest, reply: FastifyReply, path: Asked['path'], deps: GenerationDeps): Promise<void> {
  const { clock, metrics } = deps
  const startMs = clock.monotonicMs()
  // From here on the response is ours: bytes must go out as they came.
  reply.hijack()
  let status = 200
  const fixed = { ...corsFor(request.headers), 'x-request-id': request.id }
  const sink = responseSink(reply.raw, {
    headers: fixed,
    onFirst(first) {
      status = first
      metrics.firstByte((clock.monotonicMs() - startMs) / 1000)
    },
  })
  try {
    const key = await deps.keys.authenticate(request.headers.authorization)
    if (!(request.body instanceof Uint8Array))
      throw badRequest('The body of your request must be a JSON object.', undefined, 'invalid_json')
    const body = request.body
    const work = PARSERS[path](body)
    const asked: Asked = { path, body, requestId: request.id, signal: sink.gone }
    const idempotencyKey = request.headers['idempotency-key']
    if (idempotencyKey === undefined) await deps.router.answer(key, work, asked, { sink })
    else {
      const claim = await deps.idempotency.claim(key.record.id, String(idempotencyKey), asked)
      if ('memory' in claim) await deps.router.answer(key, work, asked, { sink, memory: claim.memory })
      else {
        sink.begin(claim.replay.status, { ...claim.replay.headers, 'content-length': String(claim.replay.body.length) })
        sink.end(claim.replay.body)
      }
    }
  } catch (error) {
    status = refuse(reply, error, { fixed, gone: sink.gone.aborted })
    if (status >= 500) deps.logger.warn('router_request_failed', { path, requestId: request.id, status, error })
  }
  metrics.request(path.replace('/', '_'), status, (clock.monotonicMs() - startMs) / 1000)
}

/** The whole response is the error: nothing was sent before. */
function refuse(
  reply: FastifyReply,
  error: unknown,
  { fixed, gone }: { readonly fixed: Readonly<Record<string, string>>; readonly gone: boolean },
): number {
  const { raw } = reply
  if (gone || raw.headersSent || raw.destroyed) {
    raw.destroy()
    return 499
  }
  const form = toOpenAiError(error)
  const text = JSON.stringify(form.body())
  raw.writeHead(form.status, {
    ...fixed,
    ...form.headers(),
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  })
  raw.end(text)
  return form.status
}

/** Every byte of the body counts as text: an upper bound that holds for tools and images too. */
function workOf(request: GenerationRequest, body: Uint8Array): Work {
  const { model, messages, prompts, maxTokens, n, stream, routing } = request
  return {
    model,
    textBytes: body.length + 64 * prompts.length,
    messageCount: Math.max(messages.length, prompts.length, 1),
    maxTokens,
    choices: n * Math.max(1, prompts.length),
    stream,
    routing,
  }
}
