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
  return async function* (task, bundle, signal) {
    // Rows are four times the bundle, and one member may have nearly all of them.
    const membersMs = PUT_TIMEOUT_FIRST_MS + (4 * bundle.length * PUT_TIMEOUT_MS_PER_MIB) / 2 ** 20
    for await (const { event } of client.disperseBundle(requests(task, bundle), {
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

async function* requests({ done, ...task }: EncodeTask, bundle: Uint8Array): AsyncGenerator<DisperseBundleRequest> {
  for (let offset = 0; offset < bundle.length; offset += CHUNK_BYTES_MAX) {
    const chunk = toWire(bundle.subarray(offset, offset + CHUNK_BYTES_MAX))
    yield { task: offset === 0 ? { ...task, done: [...done] } : undefined, chunk }
  }
}
