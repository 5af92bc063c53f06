import type { Hex } from '@zerog/primitives'
import type { FinishReason, Logprob } from '../../core/broker/openai-answer.ts'
import type { Usage } from '../../core/broker/price.ts'

/** A model as a worker offers it. */
export type WorkerModel = {
  readonly id: string
  readonly engine: 'integer' | 'gguf' | 'upstream'
  /** Storage root of its file; undefined for an upstream. */
  readonly root: Hex | undefined
  readonly contextTokens: number
  readonly chat: boolean
  readonly completions: boolean
  readonly embeddings: boolean
  readonly logprobs: boolean
  readonly parameterCount: bigint
  readonly reExecutable: boolean
}

export type PromptInput =
  | { readonly kind: 'chat'; readonly messages: readonly { readonly role: string; readonly content: string }[] }
  | { readonly kind: 'prompt'; readonly prompt: string }

export type GenerateCall = {
  readonly model: string
  readonly input: PromptInput
  readonly maxTokens: number
  readonly stop: readonly string[]
  readonly temperatureMilli: number
  readonly topPMilli: number
  readonly topK: number
  readonly seed: bigint
  readonly logprobs: { readonly wanted: boolean; readonly top: number }
  /** Who is served, for fair queues. */
  readonly account: Hex
  readonly withTrace: boolean
  /** JSON object; empty: none. */
  readonly upstreamFieldsJson: string
}

export type GenerateEvent = {
  readonly text: string
  readonly tokenCount: number
  readonly logprobs: readonly Logprob[]
  readonly fields: Readonly<Record<string, unknown>> | undefined
  /** In the last event. */
  readonly end: { readonly finishReason: FinishReason; readonly usage: Usage; readonly traceRoot: Hex | undefined } | undefined
}

/** One worker process. Errors are ZerogErrors. */
export type WorkerClient = {
  listModels(signal: AbortSignal): Promise<readonly WorkerModel[]>
  /** Ends after the event with `end`; aborting the signal stops the generation. */
  generate(call: GenerateCall, signal: AbortSignal): AsyncIterable<GenerateEvent>
  embed(
    call: { readonly model: string; readonly inputs: readonly string[]; readonly account: Hex },
    signal: AbortSignal,
  ): Promise<{ readonly vectors: readonly (readonly number[])[]; readonly usage: Usage }>
  countTokens(call: { readonly model: string; readonly input: PromptInput }, signal: AbortSignal): Promise<number>
}

/** A worker taken for one request, with the model that it was taken for. */
export type TakenModel = { readonly client: WorkerClient; readonly model: WorkerModel; release(): void }

/** Where an answer goes. */
export type AnswerSink = {
  /** Aborts when the client went away before the end. */
  readonly gone: AbortSignal
  begin(headers: Readonly<Record<string, string>>): void
  /** Resolves when more may be written; at once where the client is gone. */
  write(bytes: Uint8Array): Promise<void>
  /** Resolves when everything so far was handed to the operating system; rejects where the client is gone. */
  flushed(): Promise<void>
  /** The last bytes, and what follows them as trailers. True when all was handed to the operating system, false where the client was gone before. */
  end(bytes: Uint8Array, trailers?: Readonly<Record<string, string>>): Promise<boolean>
}

/** Workers of this provider by instance; the number may grow. */
export type WorkerConnector = { instances(): number; client(instance: number): WorkerClient }

export type Sha256Stream = {
  update(bytes: Uint8Array): void
  /** Of everything so far; more may follow. */
  digest(): Hex
}

export type Hashing = { sha256(bytes: Uint8Array): Hex; sha256Stream(): Sha256Stream }

/** The key that answers, receipts and settlements are signed with. */
export type AnswerSigner = {
  readonly address: Hex
  /** `r ‖ s ‖ v` over a 32-byte digest. */
  sign(digest: Hex): Hex
  /** EIP-191 over the text. */
  signText(text: string): Hex
}

/** The address that signed EIP-191 over the Keccak-256 of a text, as 0G's SDK signs its tokens; undefined for no signature. */
export type RecoverToken = (rawMessage: string, signature: Hex) => Hex | undefined

/** The address that signed a 32-byte digest; undefined for no signature. */
export type RecoverDigest = (digest: Hex, signature: Hex) => Hex | undefined

/** A user's sub-account with this provider as the chain has it. */
export type ProviderAccount = {
  readonly balance: bigint
  readonly pendingRefund: bigint
  readonly nonce: bigint
  readonly generation: bigint
  readonly revokedBitmap: bigint
  readonly acknowledged: boolean
}

/** Something that finalized blocks say and this provider cares about. */
export type ProviderEvent =
  | { readonly kind: 'account_changed'; readonly user: Hex }
  | { readonly kind: 'service_changed' }
  | { readonly kind: 'anchored'; readonly batchRoot: Hex }
  | {
      readonly kind: 'settled'
      readonly user: Hex
      readonly status: number
      readonly unpaid: bigint
      readonly transactionHash: Hex
    }
