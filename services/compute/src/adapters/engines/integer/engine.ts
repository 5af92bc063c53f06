import { chatPrompt, loadModel } from '@zerog/inference'
import type { Clock, Logger, Meter } from '@zerog/ports'
import { fromHex, ZerogError } from '@zerog/primitives'
import type { Engine, EngineInput, EngineModel } from '../../../app/worker/engine.ts'
import { type EngineThread, startThread } from './thread.ts'

export type IntegerOptions = {
  /** Name for applications; default: the one in the file. */
  readonly id?: string | undefined
  readonly bytes: Uint8Array
  readonly threads: number
  /** Answers at once per thread. */
  readonly sequences: number
}

/** The integer-exact transformer on threads of its own: the event loop only hands tokens on. */
export async function integerEngine(
  options: IntegerOptions,
  deps: { readonly clock: Clock; readonly logger: Logger; readonly meter: Meter },
): Promise<Engine> {
  const loaded = loadModel(options.bytes)
  const file = new SharedArrayBuffer(options.bytes.length)
  new Uint8Array(file).set(options.bytes)
  const threads: readonly EngineThread[] = await Promise.all(
    Array.from({ length: options.threads }, () => startThread({ file, sequencesMax: options.sequences }, deps)),
  )
  const model: EngineModel = {
    id: options.id ?? loaded.id,
    kind: 'integer',
    root: fromHex(loaded.root, 32),
    contextTokens: loaded.contextTokens,
    chat: loaded.chat,
    completions: true,
    embeddings: false,
    logprobs: true,
    parameterCount: BigInt(loaded.parameterCount),
    reExecutable: true,
  }
  deps.meter.gauge({
    name: 'zerog_compute_engine_memory_bytes',
    help: 'Weights and caches of the integer engines.',
    read: () => threads.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
  })

  function tokensOf(input: EngineInput): number[] {
    const tokens = input.kind === 'chat' ? chatPrompt(loaded.tokenizer, input.messages) : loaded.tokenizer.encode(input.text)
    if (tokens.length > 0) return tokens
    throw new ZerogError('INVALID_ARGUMENT', {
      message: 'The prompt is empty; this model has no token to begin with.',
      metadata: { param: 'prompt', code: 'empty_prompt' },
    })
  }

  return {
    model,
    slots: options.threads * options.sequences,
    countTokens: (input) => tokensOf(input).length,
    generate(request, signal) {
      const { seed, ...sampling } = request.sampling
      const { maxTokens, stop, topLogprobs, withTrace } = request
      // Slots are as many as sequences, so the least busy living thread has one free.
      const free = threads.filter(({ alive }) => alive).sort((a, b) => a.busy - b.busy)[0]
      if (free === undefined) {
        throw new ZerogError('DEPENDENCY_UNAVAILABLE', { message: 'every engine of this model is being started again' })
      }
      const promptTokens = tokensOf(request.input)
      return free.generate({ promptTokens, maxTokens, stop, sampling, seed, topLogprobs, withTrace }, signal)
    },
    health() {
      const alive = threads.filter((thread) => thread.alive).length
      return { ok: alive === threads.length, detail: `${alive} of ${threads.length} threads run` }
    },
    async close() {
      await Promise.all(threads.map((thread) => thread.close()))
    },
  }
}
