import type { Endpoint } from '@zerog/ports'
import { StorageServiceDefinition } from '@zerog/proto/storage'
import type { StorageGateway } from '../../../app/gateway/storage-gateway.ts'
import { decodeInteger, encodeProof, invalid } from '../segment-codec.ts'
import { STORAGE_CALLERS } from './callers.ts'

const method = StorageServiceDefinition.methods.getSectorProof

export function getSectorProof(gateway: StorageGateway): Endpoint<typeof method> {
  return {
    method,
    allow: STORAGE_CALLERS,
    async handle({ sectorIndex, flowRoot }, { signal }) {
      if (flowRoot !== undefined && flowRoot.length !== 32) throw invalid('flow_root', 'a root has 32 bytes')
      const proof = await gateway.flow.sectorProof(decodeInteger(sectorIndex, 'sector_index'), flowRoot, signal)
      return { proof: encodeProof(proof) }
    },
  }
}
