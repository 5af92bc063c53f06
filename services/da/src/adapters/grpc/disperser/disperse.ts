import type { Endpoint, Random } from '@zerog/ports'
import type { DisperseRequest } from '@zerog/proto/da'
import type { Disperser } from '../../../app/disperser/disperser.ts'
import { invalid } from '../statement-codec.ts'
import { encodeBlob } from './blob-codec.ts'
import { DISPERSER_CALLERS } from './callers.ts'
import { disperserService } from './service.ts'

const method = disperserService.methods.disperse
const NOBODY = new Uint8Array(20)

export function disperse(disperser: Disperser, random: Random): Endpoint<typeof method> {
  return {
    method,
    allow: DISPERSER_CALLERS,
    async handle(requests, { signal }) {
      const incoming = requests[Symbol.asyncIterator]()
      const first = await incoming.next()
      const options = first.done === true ? undefined : first.value.options
      if (first.done === true || options === undefined) throw invalid('options', 'the first message has the options')
      if (options.sizeBytes > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid('size_bytes', 'no blob is that large')
      const blob = await disperser.accept(
        {
          id: random.uuid(),
          sizeBytes: Number(options.sizeBytes),
          account: options.account.length === 0 ? NOBODY : options.account,
          idempotencyKey: options.idempotencyKey === '' ? undefined : options.idempotencyKey,
          retentionSeconds: options.retentionSeconds,
          chunks: chunksOf(first.value, incoming),
          signal,
        },
        'zerog',
      )
      return { blob: encodeBlob(blob) }
    },
  }
}

async function* chunksOf(first: DisperseRequest, rest: AsyncIterator<DisperseRequest>): AsyncGenerator<Uint8Array> {
  if (first.chunk.length > 0) yield first.chunk
  for (;;) {
    const next = await rest.next()
    if (next.done === true) return
    if (next.value.options !== undefined) throw invalid('options', 'only the first message has options')
    yield next.value.chunk
  }
}
