import type { Layout } from '@zerog/erasure'

/** A bundle in the memory of the encoder, coded or about to be. */
export type CodingJob = {
  readonly layout: Layout
  /** The payload goes here before `encode`. */
  readonly payload: Uint8Array
  /** Once, off the event loop. */
  encode(signal?: AbortSignal): Promise<CodedBundle>
  /** Gives the memory back; nothing of the job may be used afterwards. Waits for a thread that still writes into it. */
  release(): void
}

/** Views into the memory of its job. */
export type CodedBundle = {
  readonly layout: Layout
  readonly commitment: Uint8Array
  readonly rowRoot: Uint8Array
  readonly rlc: Uint8Array
  row(index: number): Uint8Array
  /** Siblings from leaf to root, one after the other, into `target`. */
  copyPath(index: number, target: Uint8Array): void
  /** Time that the thread needed. */
  readonly encodeMs: number
}

/** Threads that encode, with a bound on their memory. */
export type Coder = {
  /** Memory for one bundle; waits until there is room. QUEUE_FULL where too many wait. */
  open(layout: Layout, payloadBytes: number, signal?: AbortSignal): Promise<CodingJob>
  stats(): { readonly usedBytes: number; readonly waiting: number }
  close(): Promise<void>
}
