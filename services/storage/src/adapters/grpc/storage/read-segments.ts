import type { Endpoint } from '@zerog/ports'
import { StorageServiceDefinition } from '@zerog/proto/storage'
import type { StorageGateway } from '../../../app/gateway/storage-gateway.ts'
import { READ_SEGMENTS_MAX } from '../../../limits.ts'
import { decodeFileRef, encodeSegment, invalid } from '../segment-codec.ts'
import { STORAGE_CALLERS } from './callers.ts'

const method = StorageServiceDefinition.methods.readSegments

export function readSegments(gateway: StorageGateway): Endpoint<typeof method> {
  return {
    method,
    allow: STORAGE_CALLERS,
    async *handle(request, { signal }) {
      const { segmentFirst: first, segmentCount: count } = request
      if (count > READ_SEGMENTS_MAX) throw invalid('segment_count', `at most ${READ_SEGMENTS_MAX} segments per call`)
      for await (const segment of gateway.segments(decodeFileRef(request.file), { first, count }, signal)) {
        yield { segment: encodeSegment(segment) }
      }
    },
  }
}
