import type { Rpc } from '@zerog/ports'
import { DisperseBundleRequest } from '@zerog/proto/da'
import type { EncoderClient } from '../../app/disperser/encoder-client.ts'
import type { EncodeTask } from '../../app/encoder/encoder.ts'
import { CHUNK_BYTES_MAX, ENCODER_SLACK_MS, PUT_TIMEOUT_FIRST_MS, PUT_TIMEOUT_MS_PER_MIB } from '../../core/disperser/limits.ts'
import { encodeChunk } from './chunk-codec.ts'
import { writtenEncoderService } from './encoder/service.ts'
import { messageSpace } from './message-space.ts'
import { decodeStatement, toWire } from './statement-codec.ts'

/** Encoders over gRPC; calls go round. */
export function rpcEncoderClient(rpc: Rpc): EncoderClient {
  const client = rpc.client(writtenEncoderService, 'da-encoder')
  return async function* (task, pieces, signal) {
    // Rows are four times the bundle, and one member may have nearly all of them.
    const membersMs = PUT_TIMEOUT_FIRST_MS + (4 * task.payloadBytes * PUT_TIMEOUT_MS_PER_MIB) / 2 ** 20
    const space = messageSpace()
    for await (const { event } of client.disperseBundle(requests({ task, pieces }, space.take), {
      signal,
      timeoutMs: membersMs + ENCODER_SLACK_MS,
    })) {
      if (event?.$case === 'encoded') yield { kind: 'encoded', statement: decodeStatement(event.value) }
      else if (event?.$case === 'outcome') {
        const { member, stored, reason, message } = event.value
        yield { kind: 'outcome', member, failure: stored ? undefined : { reason, message } }
      }
    }
    // The encoder has coded all of it. After a failure nobody knows who still looks at the messages.
    space.giveBack()
  }
}

async function* requests(
  { task, pieces }: { readonly task: EncodeTask; readonly pieces: readonly Uint8Array[] },
  take: (bytes: number) => Buffer,
): AsyncGenerator<Uint8Array> {
  const head = { ...task, done: [...task.done] }
  let first = true
  for (const chunk of chunksOf(pieces)) {
    yield encodeChunk(DisperseBundleRequest, { task: first ? head : undefined, chunk }, take)
    first = false
  }
}

/** Large pieces are cut, small ones (a bundle may have 65,536 blobs) are joined. */
function* chunksOf(pieces: readonly Uint8Array[]): Generator<Buffer> {
  let small: Uint8Array[] = []
  let smallBytes = 0
  const joined = (): Buffer => {
    const chunk = Buffer.concat(small, smallBytes)
    small = []
    smallBytes = 0
    return chunk
  }
  for (const piece of pieces) {
    for (let offset = 0; offset < piece.length; offset += CHUNK_BYTES_MAX) {
      const part = piece.subarray(offset, offset + CHUNK_BYTES_MAX)
      if (smallBytes > 0 && smallBytes + part.length > CHUNK_BYTES_MAX) yield joined()
      if (part.length === CHUNK_BYTES_MAX) yield toWire(part)
      else {
        small.push(part)
        smallBytes += part.length
      }
    }
  }
  if (smallBytes > 0) yield joined()
}
