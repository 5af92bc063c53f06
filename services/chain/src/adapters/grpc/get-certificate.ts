import type { Endpoint } from '@zerog/ports'
import { fromHex, ZerogError } from '@zerog/primitives'
import { ChainServiceDefinition } from '@zerog/proto/chain'
import type { ChainBackend } from '../../app/chain-backend.ts'
import { CHAIN_CALLERS } from './callers.ts'

type GetCertificate = typeof ChainServiceDefinition.methods.getCertificate

/** Header, finalize certificate and validator set of a height: what a light client verifies. */
export function getCertificateEndpoint({ backend }: { readonly backend: ChainBackend }): Endpoint<GetCertificate> {
  return {
    method: ChainServiceDefinition.methods.getCertificate,
    allow: CHAIN_CALLERS,
    handle: async ({ height = backend.head().header.height }) => {
      const finality = backend.finality(height)
      if (finality === undefined) {
        const head = backend.head().header.height
        throw new ZerogError('NOT_FOUND', {
          message: `there is no finalized block ${height}; the head is ${head}`,
          metadata: { height: String(height), head: String(head) },
        })
      }
      return {
        height,
        blockHash: Buffer.from(fromHex(finality.blockHash)),
        headers: finality.headers.map((header) => Buffer.from(header)),
        certificate: Buffer.from(finality.certificate),
        validators: Buffer.from(finality.validators),
        epochLength: finality.epochLength,
      }
    },
  }
}
