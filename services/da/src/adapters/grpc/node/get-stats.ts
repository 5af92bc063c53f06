import type { Endpoint } from '@zerog/ports'
import { NodeServiceDefinition } from '@zerog/proto/da'
import type { DaNode } from '../../../app/node/da-node.ts'
import { toWire } from '../statement-codec.ts'

const method = NodeServiceDefinition.methods.getStats

/** @param address 20 bytes, as the key is registered; empty where it is not known */
export function getStats(node: DaNode, address: () => Promise<Uint8Array>): Endpoint<typeof method> {
  return {
    method,
    allow: ['da-retriever', 'da-disperser', 'developer'],
    async handle() {
      const stats = node.stats()
      return {
        address: toWire(await address()),
        key: toWire(stats.key),
        capacityBytes: BigInt(stats.capacityBytes),
        usedBytes: BigInt(stats.usedBytes),
        bundleCount: BigInt(stats.bundleCount),
        rowCount: BigInt(stats.rowCount),
        damagedCount: BigInt(stats.damagedCount),
      }
    },
  }
}
