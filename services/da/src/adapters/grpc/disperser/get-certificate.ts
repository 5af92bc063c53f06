import type { Endpoint } from '@zerog/ports'
import { DisperserServiceDefinition } from '@zerog/proto/da'
import type { Views } from '../../../app/disperser/views.ts'
import { encodeStatement, toWire } from '../statement-codec.ts'
import { decodeHash } from './blob-codec.ts'
import { DISPERSER_CALLERS } from './callers.ts'

const method = DisperserServiceDefinition.methods.getCertificate

export function getCertificate(views: Views): Endpoint<typeof method> {
  return {
    method,
    allow: DISPERSER_CALLERS,
    async handle({ commitment, epoch }) {
      const found = await views.certificate(decodeHash(commitment, 'commitment'), epoch)
      return {
        bundle: encodeStatement(found.statement),
        certificate: toWire(found.certificate),
        index: found.index,
        path: toWire(Buffer.concat(found.path)),
        transactionHash: toWire(found.transactionHash ?? new Uint8Array()),
      }
    },
  }
}
