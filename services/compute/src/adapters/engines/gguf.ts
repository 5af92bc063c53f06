import { ZerogError } from '@zerog/primitives'
import type { ChatHistoryItem, LlamaContextSequence, LlamaModel, SequenceEvaluateOptions, Token } from 'node-llama-cpp'
import type { Engine, EngineEvent, EngineInput, EngineModel, EngineRequest } from '../../app/worker/engine.ts'
import { createStopFilter } from '../../core/worker/stop-filter.ts'

export type GgufOptions = {
  readonly id: string
  readonly path: string
  readonly root: Uint8Array
  readonly contextTokens: number
  readonly sequences: number
  readonly threads: number
}

/** Tokens of one cut character at most: UTF-8 has four bytes. */
const HELD_TOKENS_MAX = 4

/**
 * A GGUF file by llama.cpp on the CPU. The library is an optional dependency, loaded here and not before; it never compiles and never
 * downloads. Sequences that run at once are decoded as one batch. Floating point: an answer cannot be executed again bit for bit.
 */
export async function ggufEngine(options: GgufOptions): Promise<Engine> {
  const library = await import('node-llama-cpp').catch((cause) => {
    throw new ZerogError('DEPENDENCY_UNAVAILABLE', {
      message: 'node-llama-cpp has no prebuilt binary for this platform; GGUF models run on linux-x64 and linux-arm64',
      cause,
    })
  })
  const llama = await library.getLlama({
    build: 'never',
    gpu: false,
    skipDownload: true,
    maxThreads: options.threads,
    logLevel: library.LlamaLogLevel.error,
  })
  const loaded = await llama.loadModel({ modelPath: options.path }).catch(async (cause) => {
    await llama.dispose()
    throw new ZerogError('ENCODING_INVALID', { message: `model ${options.id} is no GGUF file that llama.cpp can read`, cause })
  })
  const contextTokens = Math.min(options.contextTokens, loaded.trainContextSize)
  const context = await loaded.createContext({
    contextSize: contextTokens,
    sequences: options.sequences,
    threads: options.threads,
  })
  const template = loaded.fileInfo.metadata.tokenizer?.chat_template
  const wrapper = template === undefined ? undefined : new library.JinjaTemplateChatWrapper({ template })
  // One per slot, handed round: creating one costs a cache.
  const free: LlamaContextSequence[] = Array.from({ length: options.sequences }, () => context.getSequence())
  let closed = false

  function tokensOf(input: EngineInput): Token[] {
    if (input.kind === 'prompt') return loaded.tokenize(input.text, false)
    if (wrapper === undefined) throw new ZerogError('UNIMPLEMENTED', { message: `model ${options.id} has no chat template` })
    const chatHistory: ChatHistoryItem[] = input.messages.map(({ role, content }) =>
      role === 'assistant' ? { type: 'model', response: [content] } : { type: role, text: content },
    )
    // Where the model's answer goes.
    const { contextText } = wrapper.generateContextState({ chatHistory: [...chatHistory, { type: 'model', response: [] }] })
    return contextText.tokenize(loaded.tokenizer)
  }

  async function* generate(request: EngineRequest, signal: AbortSignal): AsyncGenerator<EngineEvent> {
    const sequence = free.pop()
    if (sequence === undefined) throw new ZerogError('QUEUE_FULL', { message: 'no free sequence', retryAfterMs: 1000 })
    try {
      await sequence.clearHistory()
      const prompt = startOf(loaded, tokensOf(request.input))
      yield* decode({ model: loaded, sequence, prompt, request, signal })
    } finally {
      if (!closed) free.push(sequence)
    }
  }

  const model: EngineModel = {
    id: options.id,
    kind: 'gguf',
    root: options.root,
    contextTokens,
    chat: wrapper !== undefined,
    completions: true,
    embeddings: false,
    logprobs: false,
    parameterCount: parameterCountOf(loaded),
    reExecutable: false,
  }
  return {
    model,
    slots: options.sequences,
    countTokens: (input) => startOf(loaded, tokensOf(input)).length,
    generate,
    health: () => ({ ok: true, detail: `${free.length} of ${options.sequences} sequences free` }),
    async close() {
      closed = true
      await context.dispose()
      await loaded.dispose()
      await llama.dispose()
    },
  }
}

async function* decode(of: {
  readonly model: LlamaModel
  readonly sequence: LlamaContextSequence
  readonly prompt: Token[]
  readonly request: EngineRequest
  readonly signal: AbortSignal
}): AsyncGenerator<EngineEvent> {
  const { model, sequence, prompt, request, signal } = of
  const stops = createStopFilter(request.stop)
  const reader = textReader(model, prompt)
  let completionTokens = 0
  let reason: 'stop' | 'length' = 'stop'
  const answer = sequence.evaluate(prompt, samplingOf(request))
  try {
    for await (const token of answer) {
      signal.throwIfAborted()
      completionTokens++
      const passed = stops.push(reader.push(token))
      yield { text: passed.text, tokens: [token], logprobs: [] }
      if (passed.stopped) return yield finish(reason, prompt.length, completionTokens)
      if (completionTokens === request.maxTokens) {
        reason = 'length'
        break
      }
    }
  } finally {
    await answer.return()
  }
  const rest = stops.push(reader.end())
  const text = rest.text + (rest.stopped ? '' : stops.flush().text)
  yield { ...finish(reason, prompt.length, completionTokens), text }
}

function finish(reason: 'stop' | 'length', promptTokens: number, completionTokens: number): EngineEvent {
  return { text: '', tokens: [], logprobs: [], finish: { reason, usage: { promptTokens, completionTokens, cachedTokens: 0 } } }
}

function samplingOf({ sampling }: EngineRequest): SequenceEvaluateOptions {
  return {
    temperature: sampling.temperatureMilli / 1000,
    topP: sampling.topPMilli / 1000,
    // 0 keeps all there too.
    topK: sampling.topK,
    seed: Number(BigInt.asUintN(32, sampling.seed)),
  }
}

/** Whole characters only: tokens that end within one wait for the next. */
function textReader(model: LlamaModel, prompt: readonly Token[]): { push(token: Token): string; end(): string } {
  let before = prompt.slice(-8)
  let held: Token[] = []
  const take = () => {
    const text = model.detokenize(held, false, before)
    before = [...before, ...held].slice(-8)
    held = []
    return text
  }
  return {
    push(token) {
      held.push(token)
      const text = model.detokenize(held, false, before)
      return text.endsWith('\ufffd') && held.length < HELD_TOKENS_MAX ? '' : take()
    },
    end: () => (held.length === 0 ? '' : take()),
  }
}

/** llama.cpp needs one token to begin with. */
function startOf(model: LlamaModel, tokens: Token[]): Token[] {
  const { bos, shouldPrependBosToken } = model.tokens
  if (bos === null) return tokens
  return (shouldPrependBosToken && tokens[0] !== bos) || tokens.length === 0 ? [bos, ...tokens] : tokens
}

function parameterCountOf(model: LlamaModel): bigint {
  let count = 0n
  for (const { dimensions } of model.fileInfo.tensorInfo ?? []) {
    count += dimensions.reduce((product: bigint, size) => product * BigInt(size), 1n)
  }
  return count
}
