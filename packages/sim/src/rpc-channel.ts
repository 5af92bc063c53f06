import { assert } from '@zerog/primitives'
import type { Incarnation } from './incarnation.ts'
import { LIMITS } from './limits.ts'
import type { Network } from './network.ts'
import { never } from './world.ts'

/** What travels on one direction of a call. `open` is the first of the request's direction, `end` the last of each. */
export type Frame =
  | { readonly kind: 'open' }
  | { readonly kind: 'message'; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly error?: WireError }

export type WireError = {
  readonly reason: string
  readonly message: string
  readonly metadata: Readonly<Record<string, string>>
  readonly retryAfterMs?: number
}

/**
 * One direction of a call: frames arrive once and in order, or the connection breaks. A writer waits while `streamFramesMax`
 * messages are not consumed yet.
 */
export class Channel {
  readonly #from: Incarnation
  readonly #to: Incarnation
  readonly #network: Network
  readonly #label: string
  readonly #onFrame: (frame: Frame) => void
  readonly #onBroken: () => void
  readonly #early = new Map<number, Frame>()
  readonly #waiting: (() => void)[] = []
  #sent = 0
  #arrived = 0
  #unconsumed = 0
  #closed = false

  constructor(options: {
    readonly from: Incarnation
    readonly to: Incarnation
    readonly network: Network
    readonly label: string
    readonly onFrame: (frame: Frame) => void
    readonly onBroken: () => void
  }) {
    this.#from = options.from
    this.#to = options.to
    this.#network = options.network
    this.#label = options.label
    this.#onFrame = options.onFrame
    this.#onBroken = options.onBroken
  }

  /** Resolves when the frame was handed to the network; never, once the channel is closed or the sender dead. */
  async send(frame: Frame): Promise<void> {
    if (frame.kind === 'message') {
      while (this.#unconsumed >= LIMITS.streamFramesMax && !this.#closed)
        await new Promise<void>((resolve) => this.#waiting.push(resolve))
      this.#unconsumed++
    }
    if (this.#closed || !this.#from.alive) return never()
    const sequence = this.#sent++
    this.#network.carry(this.#from, this.#to, {
      detail: `${this.#label} ${frame.kind}${frame.kind === 'message' ? ` ${frame.bytes.length}` : ''}`,
      run: () => this.#arrive(sequence, frame),
      broken: () => this.#closed || this.#onBroken(),
    })
  }

  /** The reader took one message: tells the writer, over the network again. */
  consumed(): void {
    if (this.#closed) return
    const run = () => {
      this.#unconsumed--
      assert(this.#unconsumed >= 0, 'more messages were consumed than sent')
      this.#waiting.shift()?.()
    }
    this.#network.carry(this.#to, this.#from, {
      detail: `${this.#label} credit`,
      run,
      broken: () => this.#closed || this.#onBroken(),
    })
  }

  close(): void {
    this.#closed = true
  }

  #arrive(sequence: number, frame: Frame): void {
    this.#early.set(sequence, frame)
    for (let next = this.#early.get(this.#arrived); next; next = this.#early.get(this.#arrived)) {
      this.#early.delete(this.#arrived++)
      if (!this.#closed) this.#onFrame(next)
    }
  }
}

/** What has arrived and is not read yet. */
export class Inbox<T> implements AsyncIterableIterator<T> {
  readonly #items: T[] = []
  readonly #consumed: () => void
  #end: { readonly error?: unknown } | undefined
  #reader: { readonly resolve: (result: IteratorResult<T>) => void; readonly reject: (error: unknown) => void } | undefined

  constructor(consumed: () => void) {
    this.#consumed = consumed
  }

  push(item: T): void {
    if (this.#end) return
    this.#items.push(item)
    this.#serve()
  }

  /** Items that arrived before are still read; then the end, or the error once. */
  end(outcome: { readonly error?: unknown } = {}): void {
    this.#end ??= outcome
    this.#serve()
  }

  next(): Promise<IteratorResult<T>> {
    assert(this.#reader === undefined, 'one reader at a time')
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
      this.#serve()
    })
  }

  return(): Promise<IteratorResult<T>> {
    this.end()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #serve(): void {
    const reader = this.#reader
    if (reader === undefined) return
    const item = this.#items.shift()
    if (item !== undefined) {
      this.#reader = undefined
      this.#consumed()
      reader.resolve({ done: false, value: item })
    } else if (this.#end) {
      this.#reader = undefined
      const { error } = this.#end
      this.#end = {}
      if (error === undefined) reader.resolve({ done: true, value: undefined })
      else reader.reject(error)
    }
  }
}
