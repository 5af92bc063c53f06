import { BUNDLE_PAYLOAD_BYTES_MAX, MEMBERS_MAX } from '@zerog/availability'
import type { Endpoint } from '@zerog/ports'
import type { DisperseBundleRequest, DisperseBundleResponse } from '@zerog/proto/da'
import { disperseBundle as disperse, type EncoderDeps, type EncoderEvent, type EncodeTask } from '../../../app/encoder/encoder.ts'
import { encodeStatement, invalid } from '../statement-codec.ts'
import { encoderService } from './service.ts'

const method = encoderService.methods.disperseBundle

export function disperseBundle(deps: EncoderDeps): Endpoint<typeof method> {
  return {
    method,
    allow: ['da-disperser'],
    async *handle(requests, { signal }) {
      const incoming = requests[Symbol.asyncIterator]()
      const first = await incoming.next()
      if (first.done === true) throw invalid('task', 'the first message has the task')
      const task = decodeTask(first.value)
      const chunks = chunksOf(first.value, incoming)
      for await (const event of disperse(task, { chunks, signal }, deps)) yield encodeEvent(event)
    },
  }
}

function decodeTask({ task }: DisperseBundleRequest): EncodeTask {
  if (task === undefined) throw invalid('task', 'the first message has the task')
  const { payloadBytes, epoch, committee, expiry, done } = task
  if (payloadBytes < 1 || payloadBytes > BUNDLE_PAYLOAD_BYTES_MAX) {
    throw invalid('payload_bytes', `a bundle has 1 to ${BUNDLE_PAYLOAD_BYTES_MAX} bytes, not ${payloadBytes}`)
  }
  if (done.length > MEMBERS_MAX) throw invalid('done', `a committee has at most ${MEMBERS_MAX} members`)
  return { payloadBytes, epoch, committee, expiry, done }
}

async function* chunksOf(first: DisperseBundleRequest, rest: AsyncIterator<DisperseBundleRequest>): AsyncGenerator<Uint8Array> {
  if (first.chunk.length > 0) yield first.chunk
  for (;;) {
    const next = await rest.next()
    if (next.done === true) return
    if (next.value.task !== undefined) throw invalid('task', 'only the first message has a task')
    yield next.value.chunk
  }
}

function encodeEvent(event: EncoderEvent): DisperseBundleResponse {
  if (event.kind === 'encoded') return { event: { $case: 'encoded', value: encodeStatement(event.statement) } }
  const { member, failure } = event
  const value = { member, stored: failure === undefined, reason: failure?.reason ?? '', message: failure?.message ?? '' }
  return { event: { $case: 'outcome', value } }
}
