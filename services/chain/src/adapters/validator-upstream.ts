import type { Rpc } from '@zerog/ports'
import { ChainServiceDefinition, ReplicationServiceDefinition, type WatchBlocksResponse } from '@zerog/proto/chain'
import type { ReceivedBlock, Upstream } from '../app/replica.ts'

/** The validator behind the Rpc port. */
export function validatorUpstream(rpc: Rpc): Upstream {
  const client = rpc.client(ReplicationServiceDefinition, 'chain-validator')
  const chain = rpc.client(ChainServiceDefinition, 'chain-validator')
  return {
    headHeight: async () => (await chain.getHead({})).height,
    blocks: (fromHeight, signal) => received(client.watchBlocks({ fromHeight }, { signal })),
    pending: async (body) => (await client.executePending({ body: Buffer.from(body) })).body,
  }
}

async function* received(stream: AsyncIterable<WatchBlocksResponse>): AsyncGenerator<ReceivedBlock> {
  for await (const { block, leaderSignature, timestampMs, epoch, view, certificate } of stream) {
    yield { encoded: block, payload: { timestampMs: Number(timestampMs), leaderSignature, epoch, view, certificate } }
  }
}
