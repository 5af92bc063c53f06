import type { Endpoint } from '@zerog/ports'
import { StorageNodeServiceDefinition } from '@zerog/proto/storage'
import type { StorageNode } from '../../../app/node/storage-node.ts'
import { decodeFileKey } from '../segment-codec.ts'

const method = StorageNodeServiceDefinition.methods.deleteSegments

export function deleteSegments(node: StorageNode): Endpoint<typeof method> {
  return {
    method,
    allow: ['storage-gateway'],
    handle: async (request) => ({ deletedCount: await node.deleteFile(decodeFileKey(request)) }),
  }
}
