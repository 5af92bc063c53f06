import type { Rpc } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { StorageNodeServiceDefinition } from '@zerog/proto/storage'
import type { NodeClient, NodeConnector } from '../../app/gateway/ports.ts'
import { NODE_GET_TIMEOUT_MS, NODE_PUT_TIMEOUT_MS, NODE_STATS_TIMEOUT_MS } from '../../limits.ts'
import { decodeFileKey, decodeInteger, decodeSegment, encodeSegment, toWire } from './segment-codec.ts'

const TARGET = 'storage-node'

/** Storage nodes over gRPC. */
export function rpcNodeConnector(rpc: Rpc): NodeConnector {
  return { instances: () => rpc.instances(TARGET), connect: (instance) => connect(rpc, instance) }
}

function connect(rpc: Rpc, instance: number): NodeClient {
  const client = rpc.client(StorageNodeServiceDefinition, TARGET, instance)
  const file = (key: { root: Uint8Array; sizeBytes: number }) => ({ root: toWire(key.root), sizeBytes: BigInt(key.sizeBytes) })
  return {
    async put(segment, { repair, signal }) {
      const { storedCount } = await client.putSegments(one({ segment: encodeSegment(segment), repair }), {
        timeoutMs: NODE_PUT_TIMEOUT_MS,
        ...(signal && { signal }),
      })
      if (storedCount !== 1) throw new ZerogError('INTERNAL', { message: 'the node acknowledged another number of segments' })
    },
    async get(key, signal) {
      for await (const answer of client.getSegments(
        { ...file(key), indexes: [key.index] },
        { signal, timeoutMs: NODE_GET_TIMEOUT_MS },
      )) {
        return decodeSegment(answer.segment)
      }
      throw new ZerogError('NOT_FOUND', { message: `segment ${key.index} is not stored on this node` })
    },
    async deleteFile(key) {
      await client.deleteSegments(file(key))
    },
    async issueReceipt(range) {
      const { segmentFirst, segmentCount } = range
      const { receipt } = await client.issueReceipt({ ...file(range), segmentFirst, segmentCount })
      if (receipt === undefined) throw new ZerogError('INTERNAL', { message: 'the node answered without a receipt' })
      return {
        ...decodeFileKey(receipt),
        chainId: decodeInteger(receipt.chainId, 'chain_id'),
        nodeId: receipt.nodeId,
        segmentFirst: receipt.segmentFirst,
        segmentCount: receipt.segmentCount,
        issuedAtMs: decodeInteger(receipt.issuedAtMs, 'issued_at_ms'),
        signature: receipt.signature,
      }
    },
    async stats() {
      const stats = await client.getStats({}, { retriesMax: 0, timeoutMs: NODE_STATS_TIMEOUT_MS })
      if (stats.nodeId.length !== 32) throw new ZerogError('INTERNAL', { message: 'the node has no identity' })
      return {
        nodeId: stats.nodeId,
        capacityBytes: decodeInteger(stats.capacityBytes, 'capacity_bytes'),
        usedBytes: decodeInteger(stats.usedBytes, 'used_bytes'),
        segmentCount: decodeInteger(stats.segmentCount, 'segment_count'),
        damaged: stats.damaged.map((ref) => ({ ...decodeFileKey(ref), index: ref.index })),
        damagedCount: stats.damagedCount,
      }
    },
  }
}

async function* one<Message>(message: Message): AsyncGenerator<Message> {
  yield message
}
