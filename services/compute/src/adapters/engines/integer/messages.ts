import type { EngineEvent, EngineLogprob } from '../../../app/worker/engine.ts'

/** What the thread is told. Requests are numbered by the main thread. */
export type ToThread =
  | {
      readonly kind: 'start'
      readonly id: number
      readonly promptTokens: readonly number[]
      readonly maxTokens: number
      readonly stop: readonly string[]
      readonly sampling: { readonly temperatureMilli: number; readonly topPMilli: number; readonly topK: number }
      readonly seed: bigint
      readonly topLogprobs: number | undefined
      readonly withTrace: boolean
    }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'close' }

/** What the thread says: the events of one step over all sequences together. */
export type FromThread =
  | { readonly kind: 'ready'; readonly memoryBytes: number }
  | { readonly kind: 'events'; readonly events: readonly { readonly id: number; readonly event: EngineEvent }[] }
  | { readonly kind: 'failed'; readonly id: number; readonly reason: string; readonly message: string }

export type ThreadData = {
  /** The model's file, shared between threads. */
  readonly file: SharedArrayBuffer
  readonly sequencesMax: number
}

export type { EngineEvent, EngineLogprob }
