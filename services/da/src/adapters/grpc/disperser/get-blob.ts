import type { Endpoint } from '@zerog/ports'
import { DisperserServiceDefinition } from '@zerog/proto/da'
import type { Views } from '../../../app/disperser/views.ts'
import { decodeId, encodeBlob } from './blob-codec.ts'
import { DISPERSER_CALLERS } from './callers.ts'

const method = DisperserServiceDefinition.methods.getBlob

export function getBlob(views: Views): Endpoint<typeof method> {
  return { method, allow: DISPERSER_CALLERS, handle: async ({ id }) => ({ blob: encodeBlob(await views.blob(decodeId(id))) }) }
}
