import type { MessageCodec } from '@zerog/ports'
import { toWire } from './statement-codec.ts'

/** `bytes chunk = 2` in protobuf's wire format; the field before it is the head of the first message. */
const HEAD_TAG = 0x0a
const CHUNK_TAG = 0x12

/**
 * The same bytes and the same values as `generated`, for messages of a small head (field 1) and a chunk (field 2). The generated writer
 * doubles its buffer and cuts it to size behind a chunk, the generated reader copies it: five times a chunk of garbage per message, and that
 * is what collections of the whole heap are started by. Here a chunk is written once, and read as a view.
 */
export function chunkCodec<T extends { chunk: Buffer }>(generated: MessageCodec<T>): MessageCodec<T> {
  return {
    encode: (message) => ({ finish: () => encodeChunk(generated, message) }),
    decode: (input) => decode(generated, toWire(input)) ?? generated.decode(input),
  }
}

const EMPTY = Buffer.alloc(0)

/** @param take memory of at least so many bytes, of which the message takes the first */
export function encodeChunk<T extends { chunk: Buffer }>(
  generated: MessageCodec<T>,
  message: T,
  take: (bytes: number) => Buffer = Buffer.allocUnsafe,
): Uint8Array {
  const head = generated.encode({ ...message, chunk: EMPTY }).finish()
  const { chunk } = message
  if (chunk.length === 0) return head
  const length: number[] = []
  let rest = chunk.length
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) length.push((rest & 0x7f) | 0x80)
  length.push(rest)
  const bytes = head.length + 1 + length.length + chunk.length
  const out = take(bytes)
  out.set(head)
  out[head.length] = CHUNK_TAG
  out.set(length, head.length + 1)
  chunk.copy(out, head.length + 1 + length.length)
  return out.subarray(0, bytes)
}

/** Undefined where a message looks unusual: a head, a chunk and nothing else is what is read here. */
function decode<T extends { chunk: Buffer }>(generated: MessageCodec<T>, input: Buffer): T | undefined {
  let headEnd = 0
  if (input[0] === HEAD_TAG) {
    const head = lengthAt(input, 1)
    if (head === undefined) return undefined
    headEnd = head.from + head.length
  }
  if (input[headEnd] !== CHUNK_TAG) return undefined
  const chunk = lengthAt(input, headEnd + 1)
  if (chunk === undefined || chunk.from + chunk.length !== input.length) return undefined
  const head = usual(generated, input.subarray(0, headEnd))
  return head && { ...head, chunk: input.subarray(chunk.from) }
}

/** Undefined where `bytes` are not what `codec` itself writes: the generated reader may end such a message elsewhere, and go on behind it. */
export function usual<T>(codec: MessageCodec<T>, bytes: Buffer): T | undefined {
  try {
    const message = codec.decode(bytes)
    return bytes.equals(codec.encode(message).finish()) ? message : undefined
  } catch {
    return undefined
  }
}

/** A length of up to four bytes, and where it ends. */
function lengthAt(input: Buffer, at: number): { readonly from: number; readonly length: number } | undefined {
  let length = 0
  for (let place = 0; place < 4; place++) {
    const byte = input[at + place]
    if (byte === undefined) return undefined
    length += (byte & 0x7f) << (7 * place)
    if (byte < 0x80) return { from: at + place + 1, length }
  }
  return undefined
}
