import type { EngineEvent } from '../../../app/worker/engine.ts'

/** One answer to make. Requests are numbered by the main thread. */
export type StartMessage = {
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

export type ToThread = StartMessage | { readonly kind: 'cancel'; readonly id: number }

/** The events of one step over all sequences travel together. */
export type FromThread =
  | { readonly kind: 'ready'; readonly memoryBytes: number }
  | { readonly kind: 'events'; readonly events: readonly { readonly id: number; readonly event: EngineEvent }[] }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string }

/** `file`: the bytes of the model, one copy for all threads. */
export type ThreadData = { readonly file: SharedArrayBuffer; readonly sequencesMax: number }
