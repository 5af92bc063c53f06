import type { Endpoint } from '@zerog/ports'
import { StorageNodeServiceDefinition } from '@zerog/proto/storage'
import type { StorageNode } from '../../../app/node/storage-node.ts'
import { toWire } from '../segment-codec.ts'

const method = StorageNodeServiceDefinition.methods.getStats

export function getStats(node: StorageNode): Endpoint<typeof method> {
  return {
    method,
    allow: ['storage-gateway', 'developer'],
    async handle() {
      const stats = node.stats()
      return {
        nodeId: toWire(stats.nodeId),
        capacityBytes: BigInt(stats.capacityBytes),
        usedBytes: BigInt(stats.usedBytes),
        segmentCount: BigInt(stats.segmentCount),
        damaged: stats.damaged.map((key) => ({ root: toWire(key.root), sizeBytes: BigInt(key.sizeBytes), index: key.index })),
        damagedCount: stats.damagedCount,
      }
    },
  }
}
