import type { Endpoint } from '@zerog/ports'
import { DisperserServiceDefinition } from '@zerog/proto/da'
import type { Views } from '../../../app/disperser/views.ts'
import { decodeId, encodeBlob } from './blob-codec.ts'
import { DISPERSER_CALLERS } from './callers.ts'

const method = DisperserServiceDefinition.methods.watchBlob

export function watchBlob(views: Views): Endpoint<typeof method> {
  return {
    method,
    allow: DISPERSER_CALLERS,
    async *handle({ id }, { signal }) {
      for await (const view of views.watch(decodeId(id), signal)) yield { blob: encodeBlob(view) }
    },
  }
}
