import type { Endpoint } from '@zerog/ports'
import { toHex, ZerogError } from '@zerog/primitives'
import { StorageNodeServiceDefinition } from '@zerog/proto/storage'
import type { StorageNode } from '../../../app/node/storage-node.ts'
import { READ_SEGMENTS_MAX } from '../../../limits.ts'
import { decodeFileKey, encodeSegment, invalid } from '../segment-codec.ts'

const method = StorageNodeServiceDefinition.methods.getSegments

export function getSegments(node: StorageNode): Endpoint<typeof method> {
  return {
    method,
    allow: ['storage-gateway'],
    async *handle(request, { signal }) {
      const file = decodeFileKey(request)
      if (request.indexes.length > READ_SEGMENTS_MAX) throw invalid('indexes', `at most ${READ_SEGMENTS_MAX} segments per call`)
      for (const index of request.indexes) {
        signal.throwIfAborted()
        const segment = await node.get({ ...file, index })
        if (segment === undefined) throw notHere(file.root, index)
        yield { segment: encodeSegment(segment) }
      }
    },
  }
}

function notHere(root: Uint8Array, index: number): ZerogError {
  return new ZerogError('NOT_FOUND', {
    message: `segment ${index} is not stored on this node`,
    metadata: { root: toHex(root), index: String(index) },
  })
}
