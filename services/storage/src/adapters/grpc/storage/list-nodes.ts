import type { Endpoint } from '@zerog/ports'
import { StorageServiceDefinition } from '@zerog/proto/storage'
import type { StorageGateway } from '../../../app/gateway/storage-gateway.ts'
import { toWire } from '../segment-codec.ts'
import { STORAGE_CALLERS } from './callers.ts'

const method = StorageServiceDefinition.methods.listNodes

export function listNodes(gateway: StorageGateway): Endpoint<typeof method> {
  return {
    method,
    allow: STORAGE_CALLERS,
    async handle() {
      const { nodes } = await gateway.status()
      return {
        nodes: nodes.map(({ instance, reachable, stats }) => ({
          nodeId: toWire(stats.nodeId),
          instance,
          reachable,
          capacityBytes: BigInt(stats.capacityBytes),
          usedBytes: BigInt(stats.usedBytes),
          segmentCount: BigInt(stats.segmentCount),
        })),
      }
    },
  }
}
