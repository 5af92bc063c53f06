import type { Endpoint } from '@zerog/ports'
import { StorageServiceDefinition } from '@zerog/proto/storage'
import type { StorageGateway } from '../../../app/gateway/storage-gateway.ts'
import { decodeInteger, toWire } from '../segment-codec.ts'
import { STORAGE_CALLERS } from './callers.ts'

const method = StorageServiceDefinition.methods.getFlowSegment

export function getFlowSegment(gateway: StorageGateway): Endpoint<typeof method> {
  return {
    method,
    allow: STORAGE_CALLERS,
    async handle({ index, withData }, { signal }) {
      const found = await gateway.flow.segment(decodeInteger(index, 'index'), withData, signal)
      return { hash: toWire(found?.hash ?? new Uint8Array(0)), data: toWire(found?.data ?? new Uint8Array(0)) }
    },
  }
}
