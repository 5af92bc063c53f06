import type { Endpoint } from '@zerog/ports'
import { StorageNodeServiceDefinition } from '@zerog/proto/storage'
import type { StorageNode } from '../../../app/node/storage-node.ts'
import { decodeFileKey } from '../segment-codec.ts'

const method = StorageNodeServiceDefinition.methods.listSegments
/** 4 bytes each at most 5 on the wire: far below the message limit of 1 MiB. */
const PAGE = 100_000

export function listSegments(node: StorageNode): Endpoint<typeof method> {
  return {
    method,
    allow: ['storage-gateway', 'developer'],
    async *handle(request) {
      const indexes = node.list(decodeFileKey(request))
      for (let at = 0; at < indexes.length; at += PAGE) yield { indexes: indexes.slice(at, at + PAGE) }
    },
  }
}
