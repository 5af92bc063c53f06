import type { Clock } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { type Admission, createAdmission, type Turn } from './admission.ts'
import type { Engine, EngineEvent, EngineInput, EngineModel, EngineRequest, EngineUsage } from './engine.ts'
import type { WorkerMetrics } from './metrics.ts'

export type WorkerOptions = {
  readonly waitingMax: number
  readonly waitingPerAccountMax: number
  readonly quantumTokens: number
}

/** A request for one model by one account; `maxTokens` undefined: whatever the context has room for. */
export type WorkerRequest = Omit<EngineRequest, 'maxTokens' | 'openEnded'> & {
  readonly model: string
  readonly account: string
  readonly maxTokens: number | undefined
}

export type Worker = {
  /** Takes an engine into service. Throws ALREADY_EXISTS for a second one with the same id. */
  add(engine: Engine): void
  models(): readonly EngineModel[]
  generate(request: WorkerRequest, signal: AbortSignal): AsyncIterable<EngineEvent>
  embed(
    request: { readonly model: string; readonly inputs: readonly string[]; readonly account: string },
    signal: AbortSignal,
  ): Promise<{ readonly vectors: readonly (readonly number[])[]; readonly usage: EngineUsage }>
  countTokens(model: string, input: EngineInput): { readonly tokenCount: number; readonly contextTokens: number }
  health(): readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[]
  queue(): { readonly waiting: number; readonly running: number }
  /** Resolves when nothing runs and nothing waits. */
  idle(): Promise<void>
  close(): Promise<void>
}

/** Runs engines: one fair queue per model, so that a slow model does not hold back another. */
export function createWorker(options: WorkerOptions, deps: { readonly clock: Clock; readonly metrics: WorkerMetrics }): Worker {
  const places = new Map<string, { readonly engine: Engine; readonly admission: Admission }>()
  const engines = () => [...places.values()].map(({ engine }) => engine)

  let active = 0
  let quiet = Promise.withResolvers<void>()
  quiet.resolve()
  /** Counts what waits or runs, for `idle`. */
  function begin(): () => void {
    if (active++ === 0) quiet = Promise.withResolvers()
    return () => {
      if (--active === 0) quiet.resolve()
    }
  }

  function placeOf(model: string): { readonly engine: Engine; readonly admission: Admission } {
    const place = places.get(model)
    if (place !== undefined) return place
    throw new ZerogError('NOT_FOUND', {
      message: `this worker has no model ${model.slice(0, 256)}`,
      metadata: { param: 'model', code: 'model_not_found' },
    })
  }

  async function* generate(request: WorkerRequest, signal: AbortSignal): AsyncGenerator<EngineEvent> {
    const { engine, admission } = placeOf(request.model)
    const accepted = accept(request, engine)
    const tokens = accepted.promptTokens ?? estimateTokens(accepted.request.input)
    const startMs = deps.clock.monotonicMs()
    const end = begin()
    let turn: Turn | undefined
    let produced = 0
    try {
      turn = await admission.enter({ account: request.account, tokens, signal })
      const watch = deps.metrics.generation(engine.model.kind, deps.clock.monotonicMs() - startMs)
      for await (const event of engine.generate(accepted.request, signal)) {
        // An upstream shows no tokens; a piece of text is about one.
        const count = Math.max(event.tokens.length, event.text === '' ? 0 : 1)
        produced += count
        turn.took(count)
        watch.event(event.tokens.length)
        if (event.finish !== undefined) {
          const { promptTokens, completionTokens } = event.finish.usage
          turn.took(promptTokens - tokens + completionTokens - produced)
          watch.finished(event.finish)
        }
        yield event
      }
    } finally {
      turn?.release()
      end()
    }
  }

  return {
    add(engine) {
      const { id } = engine.model
      if (places.has(id)) throw new ZerogError('ALREADY_EXISTS', { message: `two models of this worker are called ${id}` })
      places.set(id, { engine, admission: createAdmission({ ...options, slots: engine.slots }) })
    },
    models: () => engines().map(({ model }) => model),
    generate,
    async embed({ model, inputs, account }, signal) {
      const { engine, admission } = placeOf(model)
      if (engine.embed === undefined || !engine.model.embeddings) {
        throw new ZerogError('UNIMPLEMENTED', { message: `model ${model} has no embeddings`, metadata: { param: 'model' } })
      }
      const tokens = inputs.reduce((sum, text) => {
        const input = { kind: 'prompt', text } as const
        return sum + (engine.countTokens(input) ?? estimateTokens(input))
      }, 0)
      const end = begin()
      let turn: Turn | undefined
      try {
        turn = await admission.enter({ account, tokens, signal })
        return await engine.embed(inputs, signal)
      } finally {
        turn?.release()
        end()
      }
    },
    countTokens(model, input) {
      const { engine } = placeOf(model)
      const tokenCount = engine.countTokens(input)
      if (tokenCount === undefined) {
        throw new ZerogError('UNIMPLEMENTED', { message: `only the upstream of ${model} could count its tokens` })
      }
      return { tokenCount, contextTokens: engine.model.contextTokens }
    },
    health: () => engines().map((engine) => ({ name: `model ${engine.model.id}`, ...engine.health() })),
    queue() {
      let waiting = 0
      let running = 0
      for (const { admission } of places.values()) {
        waiting += admission.waiting
        running += admission.running
      }
      return { waiting, running }
    },
    idle: () => quiet.promise,
    async close() {
      await Promise.all(engines().map((engine) => engine.close()))
    },
  }
}

/** Checks a request against what the model can do, and gives it its room in the context. */
function accept(request: WorkerRequest, engine: Engine): { request: EngineRequest; promptTokens: number | undefined } {
  const { model } = engine
  const can = request.input.kind === 'chat' ? model.chat : model.completions
  if (!can) throw unsupported('model', `model ${model.id} does not do ${request.input.kind === 'chat' ? 'chat' : 'completions'}`)
  if (request.topLogprobs !== undefined && !model.logprobs)
    throw unsupported('logprobs', `model ${model.id} has no log probabilities`)
  if (request.withTrace && !model.reExecutable)
    throw unsupported('zerog.trace', `answers of ${model.id} cannot be executed again`)
  const foreign = Object.keys(request.upstreamFields)[0]
  if (foreign !== undefined && model.kind !== 'upstream') throw unsupported(foreign, `model ${model.id} does not take ${foreign}`)
  const promptTokens = engine.countTokens(request.input)
  const room = model.contextTokens - (promptTokens ?? 0)
  if (room < 1) {
    throw new ZerogError('LIMIT_EXCEEDED', {
      message: `This model's maximum context length is ${model.contextTokens} tokens, but the prompt alone has ${promptTokens}. Shorten it.`,
      metadata: { param: request.input.kind === 'chat' ? 'messages' : 'prompt', code: 'context_length_exceeded' },
    })
  }
  const maxTokens = Math.min(request.maxTokens ?? room, room)
  const { model: _model, account: _account, ...rest } = request
  return { request: { ...rest, maxTokens, openEnded: request.maxTokens === undefined }, promptTokens }
}

/** Where only the upstream could count: four characters per token. Decides the order of the queue, never a fee. */
function estimateTokens(input: EngineInput): number {
  const characters =
    input.kind === 'prompt' ? input.text.length : input.messages.reduce((sum, { content }) => sum + content.length, 0)
  return Math.ceil(characters / 4)
}

function unsupported(param: string, message: string): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message, metadata: { param, code: 'unsupported_parameter' } })
}
