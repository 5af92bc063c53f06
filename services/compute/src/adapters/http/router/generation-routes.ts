import type { ServerResponse } from 'node:http'
import type { Clock, Logger } from '@zerog/ports'
import type { Asked } from '../../../app/router/attempt.ts'
import type { Idempotency } from '../../../app/router/idempotency.ts'
import type { Keys } from '../../../app/router/keys.ts'
import type { RouterMetrics } from '../../../app/router/metrics.ts'
import type { Router, Work } from '../../../app/router/router.ts'
import { parseEmbeddingRequest } from '../../../core/openai/embedding-request.ts'
import { OpenAiError } from '../../../core/openai/errors.ts'
import { type GenerationRequest, NO_ROUTING, parseChatRequest, parseCompletionRequest } from '../../../core/openai/request.ts'
import type { Entered } from '../doors.ts'
import { toOpenAiError } from './errors.ts'
import { answerError, corsFor, type RouterServer } from './server.ts'
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
export function registerGenerations(server: Pick<RouterServer, 'post'>, deps: GenerationDeps): void {
  // `as`: the keys of the table.
  for (const path of Object.keys(PARSERS) as Asked['path'][]) {
    server.post(`/v1/${path}`, (entered) => void serve(path, entered, deps))
  }
}

async function serve(path: Asked['path'], { headers, response, id, body }: Entered, deps: GenerationDeps): Promise<void> {
  const { clock, metrics } = deps
  const startMs = clock.monotonicMs()
  let status = 200
  const fixed = { ...corsFor(headers), 'x-request-id': id }
  const sink = responseSink(response, {
    headers: fixed,
    onFirst(first) {
      status = first
      metrics.firstByte((clock.monotonicMs() - startMs) / 1000)
    },
  })
  try {
    if (body === undefined) {
      // The rest of it is not read.
      response.setHeader('connection', 'close')
      throw new OpenAiError({ status: 413, message: 'The body of your request is too large.', code: 'request_too_large' })
    }
    const key = await deps.keys.authenticate(headers.authorization)
    const work = PARSERS[path](body)
    const asked: Asked = { path, body, requestId: id, signal: sink.gone }
    const idempotencyKey = headers['idempotency-key']
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
    status = refuse(response, error, { fixed, gone: sink.gone.aborted })
    if (status >= 500) deps.logger.warn('router_request_failed', { path, requestId: id, status, error })
  }
  metrics.request(path.replace('/', '_'), status, (clock.monotonicMs() - startMs) / 1000)
}

function refuse(
  response: ServerResponse,
  error: unknown,
  { fixed, gone }: { readonly fixed: Readonly<Record<string, string>>; readonly gone: boolean },
): number {
  if (gone || response.headersSent || response.destroyed) {
    response.destroy()
    return 499
  }
  const form = toOpenAiError(error)
  answerError(response, form, fixed)
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
