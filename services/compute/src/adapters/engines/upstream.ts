import type { Clock, Meter } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import type { HttpAnswer, HttpClient } from '../../app/http-client.ts'
import type { Engine, EngineEvent, EngineModel, EngineRequest, EngineUsage } from '../../app/worker/engine.ts'
import { eventStreamReader } from '../../core/openai/event-stream.ts'
import { utf8Length } from '../../core/openai/request.ts'
import {
  promptTokensMax,
  readUpstreamAnswer,
  soundUsage,
  type UpstreamPiece,
  type UpstreamUsage,
} from '../../core/worker/upstream-answer.ts'
import { LIMITS } from '../../limits.ts'
import { answerError, brokenAnswer, unreachable } from './upstream-errors.ts'

export type UpstreamOptions = {
  readonly model: Omit<EngineModel, 'kind' | 'root' | 'reExecutable' | 'parameterCount'>
  /** Base URL with the version, e.g. `http://127.0.0.1:11434/v1`. */
  readonly url: string
  /** What the upstream calls the model. */
  readonly upstreamModel: string
  readonly apiKey: string | undefined
  /** Some upstreams answer only in one piece. */
  readonly stream: boolean
  readonly slots: number
  /** Until the first byte of an answer. */
  readonly firstByteMs: number
  /** Between two pieces of a stream. */
  readonly idleMs: number
}

/** vLLM, SGLang, Ollama, llama.cpp or whatever speaks OpenAI's API. Nothing that it says is believed beyond what can be. */
export function upstreamEngine(
  options: UpstreamOptions,
  deps: { readonly clock: Clock; readonly meter: Meter; readonly http: HttpClient },
): Engine {
  const { apiKey } = options
  const base = options.url.replace(/\/$/, '')
  const headers = {
    'content-type': 'application/json',
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  }
  const model: EngineModel = { ...options.model, kind: 'upstream', root: undefined, reExecutable: false, parameterCount: 0n }
  const failures = deps.meter.counter({
    name: 'zerog_compute_upstream_failures_total',
    help: 'Answers of upstreams that failed or broke off.',
  })
  const unsound = deps.meter.counter({
    name: 'zerog_compute_upstream_usage_unsound_total',
    help: 'Answers whose usage was missing (estimated) or beyond what can be (clamped).',
    labels: ['kind'],
  })
  let lastFailure: string | undefined

  async function post(path: string, body: object, signal: AbortSignal): Promise<HttpAnswer> {
    const bytes = encoder.encode(JSON.stringify(body))
    const answer = await deps.http
      .request({ method: 'POST', url: `${base}${path}`, headers, body: bytes, signal })
      .catch((error) => {
        throw unreachable(error)
      })
    if (answer.status < 200 || answer.status > 299) throw await answerError(answer)
    return answer
  }

  /** One deadline at a time: for the first byte, then from piece to piece. */
  function watchdog(signal: AbortSignal) {
    const controller = new AbortController()
    let cancel = () => {}
    const abort = () => controller.abort(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    return {
      signal: controller.signal,
      expect(withinMs: number) {
        cancel()
        cancel = deps.clock.after(withinMs, () =>
          controller.abort(
            new ZerogError('DEADLINE_EXCEEDED', { message: `the upstream of ${model.id} sent nothing for ${withinMs} ms` }),
          ),
        )
      },
      end() {
        cancel()
        signal.removeEventListener('abort', abort)
      },
    }
  }

  async function* generate(request: EngineRequest, outer: AbortSignal): AsyncGenerator<EngineEvent> {
    const watch = watchdog(outer)
    try {
      watch.expect(options.firstByteMs)
      const path = request.input.kind === 'chat' ? '/chat/completions' : '/completions'
      const response = await post(path, bodyOf(request, options), watch.signal)
      const streamed = response.headers['content-type']?.includes('text/event-stream') === true
      const gathered = gatherPieces(request)
      const reader = streamed ? streamReader() : wholeReader()
      // One generator for all of it: each one more costs every piece several turns of the microtask queue.
      for await (const bytes of response.body.pieces) {
        watch.expect(options.idleMs)
        for (const piece of reader.push(bytes)) {
          const event = gathered.event(piece)
          if (event !== undefined) yield event
        }
        if (reader.done()) {
          response.body.finish()
          break
        }
      }
      for (const piece of reader.end()) {
        const event = gathered.event(piece)
        if (event !== undefined) yield event
      }
      yield gathered.last()
      lastFailure = undefined
    } catch (error) {
      // The reason of the watchdog says more than the cut connection, which has no reason of ours.
      const known = error instanceof ZerogError ? error : unreachable(error)
      const failure = watch.signal.aborted && watch.signal.reason instanceof ZerogError ? watch.signal.reason : known
      if (!outer.aborted) {
        failures.add()
        lastFailure = failure instanceof Error ? failure.message : String(failure)
      }
      throw failure
    } finally {
      watch.end()
    }
  }

  function gatherPieces(request: EngineRequest) {
    let reason: UpstreamPiece['finishReason']
    let claimed: UpstreamUsage | undefined
    let pieceCount = 0
    return {
      /** undefined for a piece that shows nothing. */
      event(piece: UpstreamPiece): EngineEvent | undefined {
        reason = piece.finishReason ?? reason
        claimed = piece.usage ?? claimed
        if (piece.text === '' && piece.delta === undefined && piece.logprobs.length === 0) return undefined
        pieceCount++
        const logprobs =
          request.topLogprobs === undefined
            ? []
            : piece.logprobs.map((entry) => ({
                ...entry,
                token: 0,
                top: entry.top.map((top) => ({ ...top, token: 0, top: [] })),
              }))
        const delta = piece.delta === undefined ? {} : { upstreamDelta: JSON.stringify(piece.delta) }
        return { text: piece.text, tokens: [], logprobs, ...delta }
      },
      last(): EngineEvent {
        if (reason === undefined) throw brokenAnswer('the stream ended without a finish reason')
        const { usage, estimated, clamped } = soundUsage(claimed, {
          ...sizeOf(request),
          pieceCount,
          tokensMax: request.maxTokens,
        })
        if (estimated) unsound.add(1, { kind: 'estimated' })
        if (clamped) unsound.add(1, { kind: 'clamped' })
        return { text: '', tokens: [], logprobs: [], finish: { reason, usage } }
      },
    }
  }

  async function embed(inputs: readonly string[], outer: AbortSignal) {
    const signal = AbortSignal.any([outer, AbortSignal.timeout(options.firstByteMs)])
    const response = await post('/embeddings', { model: options.upstreamModel, input: inputs, encoding_format: 'float' }, signal)
    return readEmbeddings(await readBounded(response), inputs)
  }

  return {
    model,
    slots: options.slots,
    // Its tokenizer is its own.
    countTokens: () => undefined,
    generate,
    ...(model.embeddings ? { embed } : {}),
    health: () => ({ ok: lastFailure === undefined, detail: lastFailure ?? `upstream ${new URL(base).host}` }),
    close: async () => deps.http.close(),
  }
}

function bodyOf(request: EngineRequest, options: UpstreamOptions): object {
  const { input, sampling, topLogprobs, upstreamFields } = request
  const chat = input.kind === 'chat'
  return {
    model: options.upstreamModel,
    ...(chat ? { messages: input.messages } : { prompt: input.text }),
    // Its own tokenizer knows how much room the prompt leaves.
    ...(request.openEnded ? {} : { max_tokens: request.maxTokens }),
    temperature: sampling.temperatureMilli / 1000,
    top_p: sampling.topPMilli / 1000,
    ...(sampling.topK > 0 ? { top_k: sampling.topK } : {}),
    // Signed 53 bits is what every upstream takes.
    seed: Number(BigInt.asUintN(31, sampling.seed)),
    ...(request.stop.length > 0 ? { stop: request.stop } : {}),
    ...(topLogprobs === undefined ? {} : chat ? { logprobs: true, top_logprobs: topLogprobs } : { logprobs: topLogprobs }),
    ...upstreamFields,
    stream: options.stream,
    ...(options.stream ? { stream_options: { include_usage: true } } : {}),
  }
}

function sizeOf({ input, upstreamFields }: EngineRequest): { readonly promptTokensMax: number; readonly promptBytes: number } {
  const texts = input.kind === 'chat' ? input.messages.map(({ content }) => content) : [input.text]
  const extra = Object.keys(upstreamFields).length === 0 ? [] : [JSON.stringify(upstreamFields)]
  const promptBytes = [...texts, ...extra].reduce((sum, text) => sum + utf8Length(text), 0)
  return { promptTokensMax: promptTokensMax([...texts, ...extra]), promptBytes }
}

type PieceReader = {
  push(bytes: Uint8Array): Iterable<UpstreamPiece>
  /** What follows is of no interest. */
  done(): boolean
  /** After the last bytes. Throws where they were not the last. */
  end(): Iterable<UpstreamPiece>
}

function streamReader(): PieceReader {
  const reader = eventStreamReader()
  const count = byteCount()
  let finished = false
  let done = false
  return {
    *push(bytes) {
      count(bytes)
      for (const data of read(() => reader.push(bytes))) {
        done = data === '[DONE]'
        if (done) return
        const piece = read(() => readUpstreamAnswer(data))
        finished ||= piece.finishReason !== undefined
        yield piece
      }
    },
    done: () => done,
    end() {
      // Some servers leave [DONE] out; a finish reason says as much.
      if (!done && (!finished || !reader.finished())) throw brokenAnswer('the stream was cut')
      return []
    },
  }
}

function wholeReader(): PieceReader {
  const count = byteCount()
  const parts: Uint8Array[] = []
  return {
    push(bytes) {
      count(bytes)
      parts.push(bytes)
      return []
    },
    done: () => false,
    end: () => [read(() => readUpstreamAnswer(textOf(parts)))],
  }
}

/** Throws where there are more of them than an answer may have. */
function byteCount(): (bytes: Uint8Array) => void {
  let total = 0
  return (bytes) => {
    total += bytes.length
    if (total > LIMITS.worker.upstreamAnswerBytesMax) throw brokenAnswer('an answer beyond the limit')
  }
}

function textOf(parts: readonly Uint8Array[]): string {
  return Buffer.concat(parts).toString('utf8')
}

async function readBounded(response: HttpAnswer): Promise<string> {
  const parts: Uint8Array[] = []
  const count = byteCount()
  try {
    for await (const bytes of response.body.pieces) {
      count(bytes)
      parts.push(bytes)
    }
  } catch (error) {
    throw error instanceof ZerogError ? error : unreachable(error)
  }
  return textOf(parts)
}

function readEmbeddings(text: string, inputs: readonly string[]): { vectors: number[][]; usage: EngineUsage } {
  const value = read(() => JSON.parse(text)) as { data?: unknown; usage?: { prompt_tokens?: unknown } } | null // fields are checked here
  const data = Array.isArray(value?.data) ? value.data : []
  if (data.length !== inputs.length) throw brokenAnswer(`${data.length} vectors for ${inputs.length} texts`)
  const vectors = data.map((entry: { embedding?: unknown } | null) => {
    const vector = entry?.embedding
    if (Array.isArray(vector) && vector.length > 0 && vector.every((part) => Number.isFinite(part))) return vector as number[]
    throw brokenAnswer('a vector that is no list of numbers')
  })
  const claimed = value?.usage?.prompt_tokens
  const bytes = inputs.reduce((sum, input) => sum + utf8Length(input), 0)
  const sound = Number.isInteger(claimed) && (claimed as number) >= 0
  const promptTokens = Math.min(sound ? (claimed as number) : Math.ceil(bytes / 4), promptTokensMax(inputs))
  return { vectors, usage: { promptTokens, completionTokens: 0, cachedTokens: 0 } }
}

/** Bytes of an upstream have one way to fail. */
function read<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw brokenAnswer(error instanceof Error ? error.message : 'not in the form of OpenAI')
  }
}
const encoder = new TextEncoder()
