import type { MessageCodec } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { MESSAGE_BYTES_MAX } from '../limits.ts'

/** Refused here, where the caller can see which message it was, rather than by the transport of the other side. */
export function encodeMessage<T>(codec: MessageCodec<T>, message: T, what: string): Uint8Array {
  const bytes = codec.encode(message).finish()
  if (bytes.length > MESSAGE_BYTES_MAX) throw tooLarge(what, bytes.length)
  return bytes
}

/** A request from outside. */
export function decodeRequest<T>(codec: MessageCodec<T>, bytes: Uint8Array, what: string): T {
  if (bytes.length > MESSAGE_BYTES_MAX) throw tooLarge(what, bytes.length)
  try {
    return codec.decode(bytes)
  } catch (cause) {
    throw new ZerogError('INVALID_ARGUMENT', { message: `the request of ${what} is not a valid message of its type`, cause })
  }
}

/** An answer from outside. */
export function decodeResponse<T>(codec: MessageCodec<T>, bytes: Uint8Array, what: string): T {
  try {
    return codec.decode(bytes)
  } catch (cause) {
    throw new ZerogError('INTERNAL', { message: `the answer of ${what} is not a valid message of its type`, cause })
  }
}

function tooLarge(what: string, sizeBytes: number): ZerogError {
  return new ZerogError('LIMIT_EXCEEDED', {
    message: `a message of ${what} has ${sizeBytes} bytes; at most ${MESSAGE_BYTES_MAX} fit, send it as a stream of chunks`,
    metadata: { sizeBytes: String(sizeBytes), sizeBytesMax: String(MESSAGE_BYTES_MAX) },
  })
}
