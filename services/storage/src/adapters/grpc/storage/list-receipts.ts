import type { Endpoint } from '@zerog/ports'
import { StorageServiceDefinition } from '@zerog/proto/storage'
import type { StorageGateway } from '../../../app/gateway/storage-gateway.ts'
import { decodeFileRef, encodeReceipt } from '../segment-codec.ts'
import { STORAGE_CALLERS } from './callers.ts'

const method = StorageServiceDefinition.methods.listReceipts

export function listReceipts(gateway: StorageGateway): Endpoint<typeof method> {
  return {
    method,
    allow: STORAGE_CALLERS,
    handle: async (request) => ({ receipts: (await gateway.receipts(decodeFileRef(request.file))).map(encodeReceipt) }),
  }
}
