import type { Endpoint } from '@zerog/ports'
import { fileLayout } from '@zerog/primitives'
import { StorageNodeServiceDefinition } from '@zerog/proto/storage'
import type { StorageNode } from '../../../app/node/storage-node.ts'
import { RANGE_SEGMENTS } from '../../../limits.ts'
import { decodeFileKey, encodeReceipt, invalid } from '../segment-codec.ts'

const method = StorageNodeServiceDefinition.methods.issueReceipt

export function issueReceipt(node: StorageNode): Endpoint<typeof method> {
  return {
    method,
    allow: ['storage-gateway'],
    async handle(request) {
      const file = decodeFileKey(request)
      const { segmentFirst, segmentCount } = request
      if (segmentCount < 1 || segmentCount > RANGE_SEGMENTS) throw invalid('segment_count', `1 to ${RANGE_SEGMENTS} segments`)
      if (segmentFirst + segmentCount > fileLayout(file.sizeBytes).segmentCount)
        throw invalid('segment_first', 'index out of bound')
      return { receipt: encodeReceipt(await node.issueReceipt({ ...file, segmentFirst, segmentCount })) }
    },
  }
}
