import type { Endpoint } from '@zerog/ports'
import { StorageServiceDefinition } from '@zerog/proto/storage'
import type { StorageGateway } from '../../../app/gateway/storage-gateway.ts'
import { toWire } from '../segment-codec.ts'
import { STORAGE_CALLERS } from './callers.ts'

const method = StorageServiceDefinition.methods.getFlowContext

export function getFlowContext(gateway: StorageGateway): Endpoint<typeof method> {
  return {
    method,
    allow: STORAGE_CALLERS,
    async handle() {
      const { root, length } = await gateway.flow.context()
      return { root: toWire(root), length: BigInt(length) }
    },
  }
}
