import type { Clock } from '@zerog/ports'
import { executionFailed } from './face-error.ts'
import type { Method } from './node-methods.ts'
import type { StorageClient } from './upload.ts'
import { readInteger, refOfRoot } from './wire.ts'

type ShardedNode = {
  readonly url: string
  readonly config: { readonly shardId: 0; readonly numShard: 1 }
  readonly latency: number
  readonly since: number
}

/**
 * `indexer_*`. The installation shows itself once per replica that it keeps, each a full node (numShard 1) under its own URL: a client
 * that asks for several replicas finds them, and none meets the client defect with several shards.
 */
export function indexerMethods(client: StorageClient, clock: Clock): Readonly<Record<string, Method>> {
  const sinceSeconds = Math.floor(clock.nowMs() / 1000)

  async function nodes(baseUrl: string, signal: AbortSignal): Promise<readonly ShardedNode[]> {
    const startedMs = clock.monotonicMs()
    const { replicaCount } = await client.getStatus({}, { signal })
    const latency = Math.round(clock.monotonicMs() - startedMs)
    return Array.from({ length: Math.max(replicaCount, 1) }, (_, replica) => ({
      url: nodeUrl(baseUrl, replica),
      config: { shardId: 0, numShard: 1 },
      latency,
      since: sinceSeconds,
    }))
  }

  return {
    indexer_getShardedNodes: async (_params, { baseUrl, signal }) => ({ trusted: await nodes(baseUrl, signal), discovered: [] }),
    async indexer_getSelectedNodes([expectedReplica, _method, _fullTrusted, dropped], { baseUrl, signal }) {
      const wanted = expectedReplica === undefined ? 1 : readInteger(expectedReplica, 'expectedReplica')
      const refused = new Set(Array.isArray(dropped) ? dropped : [])
      const trusted = (await nodes(baseUrl, signal)).filter((node) => !refused.has(node.url))
      if (trusted.length < wanted) {
        throw executionFailed('cannot select a subset from the returned nodes that meets the replication requirement')
      }
      return { trusted: trusted.slice(0, wanted), discovered: [] }
    },
    // No node of an installation has an address of its own to locate.
    indexer_getNodeLocations: async () => ({}),
    async indexer_getFileLocations([root], { baseUrl, signal }) {
      const { file } = await client.getFile({ file: refOfRoot(root), needAvailable: true }, { signal })
      if (file === undefined) throw executionFailed('file not found')
      return file.finalized ? await nodes(baseUrl, signal) : null
    },
  }
}

function nodeUrl(baseUrl: string, replica: number): string {
  return replica === 0 ? `${baseUrl}/storage` : `${baseUrl}/storage/replica/${replica}`
}
