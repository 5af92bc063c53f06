import type { Hex } from '@zerog/primitives'
import type { Tokenizer } from './tokenizer.ts'
import type { ModelWeights } from './weights.ts'

/** Sizes of a model; docs/spec/integer-model.md has the ranges. */
export type ModelShape = {
  readonly vocabularySize: number
  /** Channels of the residual stream. */
  readonly width: number
  readonly layerCount: number
  readonly headCount: number
  /** Channels between the two matrices of the feed-forward part. */
  readonly hiddenWidth: number
  /** Tokens of prompt and answer together. */
  readonly contextTokens: number
}

/** A decoded and checked model file. Immutable; any number of engines may share it. */
export type Model = {
  /** As applications name it, from the file. */
  readonly id: string
  /** Storage root of the file's bytes: the name by which storage hands it out and receipts commit to it. */
  readonly root: Hex
  readonly description: string
  readonly licence: string
  readonly shape: ModelShape
  readonly contextTokens: number
  readonly parameterCount: number
  /** Whether the file has a chat template. */
  readonly chat: boolean
  readonly tokenizer: Tokenizer
  readonly weights: ModelWeights
}

export type ChatMessage = { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }

export type Sampling = {
  /** Thousandths; 0 is greedy, at most 2,000. */
  readonly temperatureMilli: number
  /** Thousandths, 1 to 1,000; 1,000 keeps all. */
  readonly topPMilli: number
  /** 0 keeps all. */
  readonly topK: number
}

export type SequenceOptions = {
  /** At least one, at most the context minus one. */
  readonly promptTokens: readonly number[]
  /** Most tokens to produce; the context may end earlier. */
  readonly maxTokens: number
  /** Default: greedy. */
  readonly sampling?: Sampling
  /** 64 bits; the same seed draws the same tokens on every machine. Default 0. */
  readonly seed?: bigint
  /** Alternatives per token, 0 to 20; undefined: no log probabilities. */
  readonly topLogprobs?: number
}

export type Candidate = {
  readonly token: number
  /** Nats times 1,000,000, not positive, of the model's own distribution (temperature 1, nothing cut off). */
  readonly logprobMicro: number
}

export type TokenLogprob = Candidate & { readonly top: readonly Candidate[] }

/** `stop`: the model ended its turn (the end token is not among the tokens). `length`: maxTokens or the context is used up. */
export type FinishReason = 'stop' | 'length'

export type StepResult = {
  readonly sequence: Sequence
  /** Undefined while the prompt is still being read, and at a stop. */
  readonly token?: number
  readonly logprob?: TokenLogprob
  readonly finished?: FinishReason
}

/** Commitment to what was produced; docs/spec/integer-model.md has the leaves. 32 bytes each. */
export type SequenceTrace = { readonly tokenIdsRoot: Uint8Array; readonly traceRoot: Uint8Array }

/** One answer in the making. Holds a slot of the engine's key-value cache until `release`. */
export type Sequence = {
  readonly promptTokens: readonly number[]
  /** Produced so far, without the end token. */
  readonly tokens: readonly number[]
  readonly finished: FinishReason | undefined
  /** Prompt tokens that are still to be read. */
  readonly promptRemaining: number
  /** Over the tokens so far and the logits of each step. */
  trace(): SequenceTrace
  /** Frees the slot; idempotent. A released sequence may not be stepped. */
  release(): void
}

export type EngineOptions = {
  /** `wasm` (default) or the plain interpreter, which is the oracle; both give the same bits. */
  readonly kernels?: 'wasm' | 'typescript'
  /** Sequences alive at once, each with its key-value cache; 1 to 256. Default 16. */
  readonly sequencesMax?: number
  /** Positions that one step computes at most, so that a long prompt cannot starve others. Default 64. */
  readonly stepTokensMax?: number
}

/** Synchronous: one call of `step` takes milliseconds; yield to the event loop between calls. */
export type Engine = {
  readonly model: Model
  readonly kernels: 'wasm' | 'typescript'
  readonly sequencesMax: number
  readonly sequencesAlive: number
  /** Bytes of weights and caches. */
  readonly memoryBytes: number
  /** Throws LIMIT_EXCEEDED (prompt too long, bad sampling) and QUEUE_FULL (no free slot). */
  createSequence(options: SequenceOptions): Sequence
  /**
   * Continuous batching: sequences that decode get one token each, the rest of `stepTokensMax` goes to prompts in the given order.
   * The tokens of a sequence do not depend on what else is in the batch.
   */
  step(sequences: readonly Sequence[]): StepResult[]
  close(): void
}
