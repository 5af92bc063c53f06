import type { Endpoint } from '@zerog/ports'
import { ReplicationServiceDefinition } from '@zerog/proto/chain'
import type { ChainBlock } from '../../app/block-store.ts'
import type { ChainBackend } from '../../app/chain-backend.ts'
import { followBlocks } from '../../app/follow.ts'
import { REPLICAS } from './callers.ts'

type WatchBlocks = typeof ReplicationServiceDefinition.methods.watchBlocks

/** Whole blocks from a height on, with the leader's signature and the certificate, for nodes that execute them again. */
export function watchBlocksEndpoint({ backend }: { readonly backend: ChainBackend }): Endpoint<WatchBlocks> {
  return {
    method: ReplicationServiceDefinition.methods.watchBlocks,
    allow: REPLICAS,
    async *handle({ fromHeight }, { signal }) {
      for await (const block of followBlocks(backend, { fromHeight, signal })) {
        // The ledger hands out its own blocks, which carry the payload.
        const { encoded, payload } = block as ChainBlock
        yield {
          block: Buffer.from(encoded),
          leaderSignature: Buffer.from(payload.leaderSignature),
          timestampMs: BigInt(payload.timestampMs),
          epoch: payload.epoch,
          view: payload.view,
          certificate: Buffer.from(payload.certificate),
        }
      }
    },
  }
}
