import type { Rpc } from '@zerog/ports'
import { ChainServiceDefinition, ReplicationServiceDefinition, type WatchBlocksResponse } from '@zerog/proto/chain'
import type { ReceivedBlock, Upstream } from '../app/replica.ts'

/** With the pauses of the Rpc port about 5 s, longer than a validator takes to start again: writes wait for it. */
const RESTART_RETRIES = 7

/** The validator behind the Rpc port. */
export function validatorUpstream(rpc: Rpc): Upstream {
  const client = rpc.client(ReplicationServiceDefinition, 'chain-validator')
  const chain = rpc.client(ChainServiceDefinition, 'chain-validator')
  return {
    headHeight: async () => (await chain.getHead({})).height,
    blocks: (fromHeight, signal) => received(client.watchBlocks({ fromHeight }, { signal })),
    pending: async (body) => (await client.executePending({ body: Buffer.from(body) }, { retriesMax: RESTART_RETRIES })).body,
  }
}

async function* received(stream: AsyncIterable<WatchBlocksResponse>): AsyncGenerator<ReceivedBlock> {
  for await (const { block, leaderSignature, timestampMs, epoch, view, certificate } of stream) {
    yield { encoded: block, payload: { timestampMs: Number(timestampMs), leaderSignature, epoch, view, certificate } }
  }
}
