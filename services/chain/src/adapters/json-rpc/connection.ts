import { ZerogError } from '@zerog/primitives'
import type { Dispatcher } from './dispatcher.ts'
import type { JsonRpcLimits } from './limits.ts'
import { createSubscriptionTable } from './subscriptions.ts'

export type OutgoingFrame = { readonly frame: Buffer; readonly height: bigint }

/** One WebSocket connection, without the socket. */
export type JsonRpcConnection = {
  /**
   * Executes one frame. Resolves as soon as the next one may come: at once while fewer than `inFlightMax` are at work, so
   * awaiting it is the back-pressure towards the client.
   */
  receive(frame: Uint8Array): Promise<void>
  /** An answer that does not come from a method, e.g. that this replica is behind. */
  send(frame: Buffer, height: bigint): void
  /**
   * Answers and notifications, to be read by one consumer. Ends after `close`; throws QUEUE_FULL when so much waits that the
   * connection was given up.
   */
  readonly outgoing: AsyncIterable<OutgoingFrame>
  /** How many subscriptions live. */
  readonly subscriptionCount: number
  /** Ends all subscriptions and aborts what is at work. Calling it twice is harmless. */
  close(): void
}

export function createConnection(limits: JsonRpcLimits, deps: { readonly dispatcher: Dispatcher }): JsonRpcConnection {
  const controller = new AbortController()
  const queue: OutgoingFrame[] = []
  let queuedBytes = 0
  let failure: ZerogError | undefined
  let wakeReader = () => {}
  let inFlight = 0
  const wakeReceiver: (() => void)[] = []

  const close = () => {
    if (controller.signal.aborted) return
    controller.abort(new ZerogError('CANCELLED', { message: 'the connection is closed' }))
    table.closeAll()
    wakeReader()
    for (const wake of wakeReceiver.splice(0)) wake()
  }
  const push = (frame: Buffer, height: bigint) => {
    if (controller.signal.aborted) return
    if (
      queue.length >= limits.outgoingFramesMax ||
      queuedBytes + frame.length > limits.outgoingBytesMax + limits.responseBytesMax
    ) {
      failure = slowReader(queue.length, queuedBytes)
      queue.length = 0
      close()
      return
    }
    queue.push({ frame, height })
    queuedBytes += frame.length
    wakeReader()
  }
  const table = createSubscriptionTable({
    subscriptionsMax: limits.subscriptionsMax,
    send: (frame, height) => push(Buffer.from(frame), height),
  })
  const work = async (frame: Uint8Array) => {
    const { subscriptions, start } = table.forFrame()
    const { text, height } = await deps.dispatcher.run(frame, { signal: controller.signal, subscriptions })
    if (text !== '') push(Buffer.from(text), height)
    if (!controller.signal.aborted) start()
    inFlight--
    wakeReceiver.shift()?.()
  }

  return {
    async receive(frame) {
      if (controller.signal.aborted) return
      inFlight++
      // The dispatcher never throws.
      void work(frame)
      if (inFlight >= limits.inFlightMax) await new Promise<void>((resolve) => wakeReceiver.push(resolve))
    },
    send: push,
    outgoing: {
      async *[Symbol.asyncIterator]() {
        for (;;) {
          const next = queue.shift()
          if (next !== undefined) {
            queuedBytes -= next.frame.length
            yield next
            continue
          }
          if (failure !== undefined) throw failure
          if (controller.signal.aborted) return
          await new Promise<void>((resolve) => {
            wakeReader = resolve
          })
        }
      },
    },
    get subscriptionCount() {
      return table.size
    },
    close,
  }
}

function slowReader(frames: number, bytes: number): ZerogError {
  return new ZerogError('QUEUE_FULL', {
    message: `subscriptions dropped: ${frames} frames (${bytes} bytes) wait for a client that does not read; reconnect, and read faster or subscribe to less`,
    metadata: { frames: String(frames), bytes: String(bytes) },
  })
}
