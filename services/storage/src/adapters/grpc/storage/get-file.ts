import type { Endpoint } from '@zerog/ports'
import { type File, StorageServiceDefinition } from '@zerog/proto/storage'
import type { FileView, StorageGateway } from '../../../app/gateway/storage-gateway.ts'
import { segmentCountOf } from '../../../core/segment-count.ts'
import { decodeFileRef, toWire } from '../segment-codec.ts'
import { STORAGE_CALLERS } from './callers.ts'

const method = StorageServiceDefinition.methods.getFile

export function getFile(gateway: StorageGateway): Endpoint<typeof method> {
  return {
    method,
    allow: STORAGE_CALLERS,
    async handle(request) {
      // Nothing is pruned here, so `need_available` changes nothing.
      const view = await gateway.file(decodeFileRef(request.file))
      return { file: view === undefined ? undefined : encodeFile(view) }
    },
  }
}

function encodeFile({ submission, file, uploadedSegmentCount, cached }: FileView): File {
  return {
    txSeq: BigInt(submission.txSeq),
    root: toWire(file.root),
    sizeBytes: BigInt(file.sizeBytes),
    startEntry: BigInt(submission.startEntry),
    nodes: submission.nodes.map((node) => ({ height: node.height, root: toWire(node.root) })),
    finalized: file.finalizedAtMs !== undefined,
    cached,
    uploadedSegmentCount,
    pruned: false,
    segmentCount: segmentCountOf(file.sizeBytes),
    transactionHash: toWire(submission.transactionHash),
    submitter: toWire(submission.submitter),
    transactionFrom: toWire(submission.transactionFrom),
    tags: toWire(submission.tags),
    finalizedAtMs: BigInt(file.finalizedAtMs ?? 0),
  }
}
