import type { Endpoint } from '@zerog/ports'
import { fromHex } from '@zerog/primitives'
import { ChainServiceDefinition } from '@zerog/proto/chain'
import type { ChainBackend } from '../../app/chain-backend.ts'
import { CHAIN_CALLERS, REPLICAS } from './callers.ts'

type GetHead = typeof ChainServiceDefinition.methods.getHead

/** Chain id, height and hash of the last finalized block that this node shows. */
export function getHeadEndpoint({ backend }: { readonly backend: ChainBackend }): Endpoint<GetHead> {
  return {
    method: ChainServiceDefinition.methods.getHead,
    allow: [...CHAIN_CALLERS, ...REPLICAS],
    handle: async () => {
      const { header, hash } = backend.head()
      return { chainId: backend.chainId, height: header.height, hash: Buffer.from(fromHex(hash)) }
    },
  }
}
