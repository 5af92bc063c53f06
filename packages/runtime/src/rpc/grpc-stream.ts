import type { Duplex, Readable, Writable } from 'node:stream'
import { STREAM_READ_AHEAD_MESSAGES, STREAM_WINDOW_BYTES, STREAM_WINDOW_MESSAGES } from '../limits.ts'

/** Messages of a grpc-js stream. Leaving the loop does not destroy the stream: grpc-js still has to send its status. */
export async function* readMessages(stream: Readable): AsyncGenerator<Uint8Array> {
  limitReadAhead(stream)
  for await (const message of stream.iterator({ destroyOnReturn: false })) yield message as Uint8Array // the deserializer gives buffers
}

/**
 * grpc-js creates its streams in object mode with the default of 16 objects, which for messages of 8 MiB would be 128 MiB per call,
 * and offers no option. It asks for the next message only while fewer than this many wait to be read.
 */
function limitReadAhead(stream: Readable): void {
  const state = (stream as unknown as { _readableState?: { highWaterMark: number } })._readableState
  if (state !== undefined) state.highWaterMark = STREAM_READ_AHEAD_MESSAGES
}

/** Resolves true when the next message may be written, false when the stream is gone. */
export type MessageWriter = (message: Uint8Array) => Promise<boolean>

/** Waits for what HTTP/2 has taken over (write callbacks), in bytes and messages: object mode alone would only count. */
export function createMessageWriter(stream: Writable | Duplex): MessageWriter {
  let heldBytes = 0
  let heldMessages = 0
  let wake = () => {}
  stream.on('close', () => wake())
  return async (message) => {
    if (stream.destroyed || stream.writableEnded) return false
    heldBytes += message.length
    heldMessages++
    stream.write(message, () => {
      heldBytes -= message.length
      heldMessages--
      wake()
    })
    while ((heldBytes >= STREAM_WINDOW_BYTES || heldMessages >= STREAM_WINDOW_MESSAGES) && !stream.destroyed) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    return !stream.destroyed
  }
}

/** ts-proto gives a Uint8Array; grpc-js wants a Buffer over the same memory. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
