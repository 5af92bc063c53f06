import type { Logger } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { LIMITS } from '../limits.ts'
import type { ChainInstances } from './chain-instances.ts'
import { createFrameQueue } from './frame-queue.ts'
import type { Heights } from './heights.ts'

/** What a session needs of a socket; the `ws` package's WebSocket is one. */
export type Socket = {
  on(event: 'message', listener: (data: unknown, isBinary: boolean) => void): unknown
  on(event: 'close' | 'error', listener: () => void): unknown
  send(data: string, done: (error?: Error) => void): void
  close(code: number, reason: string): void
  pause(): void
  resume(): void
}

/**
 * Joins one WebSocket with one chain instance for as long as both live. Subscriptions live in that instance: when it goes
 * away the socket is closed with 1012 (service restart) and the client subscribes again, on another one.
 */
export function openSession(
  socket: Socket,
  deps: { readonly instances: ChainInstances; readonly heights: Heights; readonly logger: Logger },
): void {
  const closed = new AbortController()
  const frames = createFrameQueue<Buffer>(() => {
    if (frames.length() === LIMITS.webSocketFramesQueued / 2) socket.resume()
  })
  socket.on('message', (data) => {
    frames.push(bytesOf(data))
    if (frames.length() >= LIMITS.webSocketFramesQueued) socket.pause()
  })
  const end = (): void => {
    frames.end()
    closed.abort()
  }
  socket.on('close', end)
  socket.on('error', end)
  void pump()

  async function* stamped() {
    for await (const frame of frames) yield { frame, minHeight: await deps.heights.stamp() }
  }

  async function pump(): Promise<void> {
    const minHeight = await deps.heights.stamp()
    const instance = deps.instances.order({ minHeight, validatorOnly: false })[0]
    if (instance === undefined) return socket.close(1013, 'no chain instance is reachable; try again')
    try {
      const answers = deps.instances.client(instance).connect(stamped(), { signal: closed.signal })
      for await (const { frame, height } of answers) {
        await deps.heights.shown(height)
        await send(frame)
      }
      socket.close(1012, 'the chain instance behind this socket stopped; connect and subscribe again')
    } catch (error) {
      if (closed.signal.aborted) return
      const problem = error instanceof Error ? error.message : String(error)
      if (error instanceof ZerogError && error.status === 'UNAVAILABLE') deps.instances.unreachable(instance, problem)
      deps.logger.info('web_socket_dropped', { target: instance.target, instance: instance.index, problem })
      socket.close(1012, closeReason(`the chain instance behind this socket is gone; connect and subscribe again`))
    }
  }

  /** Resolves when the frame left this process: a slow reader slows the stream, and the chain's own bound drops it in the end. */
  function send(frame: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      socket.send(new TextDecoder().decode(frame), (error) => (error ? reject(error) : resolve()))
    })
  }
}

function bytesOf(data: unknown): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data)
  // `as`: ws hands out Buffer, ArrayBuffer or Buffer[] and nothing else.
  return Buffer.isBuffer(data) ? data : Buffer.from(data as ArrayBuffer)
}

/** A close reason holds at most 123 bytes. */
function closeReason(text: string): string {
  return text.slice(0, 123)
}
