/** What a worker can run. `id` is how applications name it. */
export type EngineModel = {
  readonly id: string
  readonly kind: 'integer' | 'gguf' | 'upstream'
  /** Storage root of the model's file, 32 bytes; undefined for an upstream. */
  readonly root: Uint8Array | undefined
  /** Tokens of prompt and answer together. */
  readonly contextTokens: number
  readonly chat: boolean
  readonly completions: boolean
  readonly embeddings: boolean
  readonly logprobs: boolean
  readonly parameterCount: bigint
  /** Whether the same request with the same seed gives the same bytes on every machine. */
  readonly reExecutable: boolean
}

export type Turn = { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }
export type EngineInput =
  | { readonly kind: 'chat'; readonly messages: readonly Turn[] }
  | { readonly kind: 'prompt'; readonly text: string }

export type EngineRequest = {
  readonly input: EngineInput
  /** At least 1; prompt and answer fit the context. */
  readonly maxTokens: number
  /** Nobody named a length: `maxTokens` is only what the context has room for. */
  readonly openEnded: boolean
  readonly stop: readonly string[]
  readonly sampling: {
    readonly temperatureMilli: number
    readonly topPMilli: number
    readonly topK: number
    readonly seed: bigint
  }
  /** Alternatives per token; undefined: no log probabilities. */
  readonly topLogprobs: number | undefined
  /** Commit to the token ids and the trace. */
  readonly withTrace: boolean
  /** Fields that only an upstream understands, as they came. */
  readonly upstreamFields: Readonly<Record<string, unknown>>
}

export type EngineLogprob = {
  readonly token: number
  readonly text: Uint8Array
  /** Nats times 1,000,000, not positive. */
  readonly logprobMicro: number
  readonly top: readonly EngineLogprob[]
}

export type EngineUsage = { readonly promptTokens: number; readonly completionTokens: number; readonly cachedTokens: number }

export type EngineFinish = {
  readonly reason: 'stop' | 'length' | 'tool_calls'
  readonly usage: EngineUsage
  readonly trace?: { readonly tokenIdsRoot: Uint8Array; readonly traceRoot: Uint8Array }
}

/** A piece of an answer. The last one has `finish`. */
export type EngineEvent = {
  /** Whole characters; may be empty. */
  readonly text: string
  readonly tokens: readonly number[]
  readonly logprobs: readonly EngineLogprob[]
  /** A delta of an upstream that is not text, a JSON object. */
  readonly upstreamDelta?: string
  readonly finish?: EngineFinish
}

/** One model and what runs it. */
export type Engine = {
  readonly model: EngineModel
  /** Answers that run at once; more wait in the fair queue. */
  readonly slots: number
  /** Tokens of an input, or undefined where only the upstream could tell. */
  readonly countTokens: (input: EngineInput) => number | undefined
  /** Ends with an event that has `finish`, or throws. Applies the stop sequences. Stops computing as soon as the signal aborts. */
  readonly generate: (request: EngineRequest, signal: AbortSignal) => AsyncIterable<EngineEvent>
  /** Present where the model has embeddings. */
  readonly embed?: (
    inputs: readonly string[],
    signal: AbortSignal,
  ) => Promise<{ readonly vectors: readonly (readonly number[])[]; readonly usage: EngineUsage }>
  /** Whether it can answer now, and if not why. */
  readonly health: () => { readonly ok: boolean; readonly detail: string }
  readonly close: () => Promise<void>
}
