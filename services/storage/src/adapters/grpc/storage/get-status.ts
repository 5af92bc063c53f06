import type { Endpoint } from '@zerog/ports'
import { fromHex, type Hex } from '@zerog/primitives'
import { StorageServiceDefinition } from '@zerog/proto/storage'
import type { StorageGateway } from '../../../app/gateway/storage-gateway.ts'
import { toWire } from '../segment-codec.ts'
import { STORAGE_CALLERS } from './callers.ts'

const method = StorageServiceDefinition.methods.getStatus

export function getStatus(
  gateway: StorageGateway,
  network: { readonly chainId: number; readonly flowAddress: Hex },
): Endpoint<typeof method> {
  return {
    method,
    allow: STORAGE_CALLERS,
    async handle() {
      const { position, nextTxSeq, nodes, replicas } = await gateway.status()
      return {
        chainId: BigInt(network.chainId),
        flowAddress: toWire(fromHex(network.flowAddress, 20)),
        logSyncHeight: position?.height ?? 0n,
        logSyncBlock: position === undefined ? Buffer.alloc(32) : toWire(fromHex(position.hash, 32)),
        nextTxSeq: BigInt(nextTxSeq),
        replicaCount: replicas,
        nodeCount: nodes.filter((node) => node.reachable).length,
      }
    },
  }
}
