import type { Rpc } from '@zerog/ports'
import type { DisperseBundleRequest } from '@zerog/proto/da'
import type { EncoderClient } from '../../app/disperser/encoder-client.ts'
import type { EncodeTask } from '../../app/encoder/encoder.ts'
import { CHUNK_BYTES_MAX, ENCODER_SLACK_MS, PUT_TIMEOUT_FIRST_MS, PUT_TIMEOUT_MS_PER_MIB } from '../../core/disperser/limits.ts'
import { encoderService } from './encoder/service.ts'
import { decodeStatement, toWire } from './statement-codec.ts'

/** Encoders over gRPC; calls go round. */
export function rpcEncoderClient(rpc: Rpc): EncoderClient {
  const client = rpc.client(encoderService, 'da-encoder')
  return async function* (task, pieces, signal) {
    // Rows are four times the bundle, and one member may have nearly all of them.
    const membersMs = PUT_TIMEOUT_FIRST_MS + (4 * task.payloadBytes * PUT_TIMEOUT_MS_PER_MIB) / 2 ** 20
    for await (const { event } of client.disperseBundle(requests(task, pieces), {
      signal,
      timeoutMs: membersMs + ENCODER_SLACK_MS,
    })) {
      if (event?.$case === 'encoded') yield { kind: 'encoded', statement: decodeStatement(event.value) }
      else if (event?.$case === 'outcome') {
        const { member, stored, reason, message } = event.value
        yield { kind: 'outcome', member, failure: stored ? undefined : { reason, message } }
      }
    }
  }
}

async function* requests({ done, ...task }: EncodeTask, pieces: readonly Uint8Array[]): AsyncGenerator<DisperseBundleRequest> {
  let first = true
  for (const chunk of chunksOf(pieces)) {
    yield { task: first ? { ...task, done: [...done] } : undefined, chunk }
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
