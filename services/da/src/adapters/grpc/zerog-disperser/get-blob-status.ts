import { quorumIdOf } from '@zerog/availability'
import { ZerogError } from '@zerog/primitives'
import { type BlobInfo, BlobStatus, type BlobStatusReply, type BlobStatusRequest } from '@zerog/proto/disperser'
import type { BlobView } from '../../../app/disperser/repository.ts'
import type { Views } from '../../../app/disperser/views.ts'
import { blobState } from '../../../core/disperser/blob-state.ts'
import { BLOB_ID_CHARS_MAX } from '../../../core/disperser/limits.ts'
import { toWire } from '../statement-codec.ts'

/** 0G's Rust example unwraps the answer, so only ids of the wrong form are refused; an unknown one is PROCESSING for ever, as theirs. */
export function getBlobStatus(views: Pick<Views, 'find'>) {
  return async ({ requestId }: BlobStatusRequest): Promise<BlobStatusReply> => {
    if (requestId.length === 0) throw invalid('invalid request: request_id must not be empty')
    const id = new TextDecoder('latin1').decode(requestId)
    if (id.split('-').length !== 2) throw invalid(`invalid metadata key: ${id.slice(0, BLOB_ID_CHARS_MAX)}`)
    const blob = id.length > BLOB_ID_CHARS_MAX ? undefined : await views.find(id)
    if (blob === undefined) return { status: BlobStatus.PROCESSING, info: empty() }
    const status = statusOf(blob)
    const isNamed = status === BlobStatus.CONFIRMED || status === BlobStatus.FINALIZED
    return { status, info: isNamed ? infoOf(blob) : empty() }
  }
}

function statusOf(blob: BlobView): BlobStatus {
  switch (blobState(blob)) {
    case 'finalized':
      return BlobStatus.FINALIZED
    case 'certified':
      return BlobStatus.CONFIRMED
    case 'failed':
      return blob.failure?.reason === 'INSUFFICIENT_SIGNATURES' ? BlobStatus.INSUFFICIENT_SIGNATURES : BlobStatus.FAILED
    default:
      return BlobStatus.PROCESSING
  }
}

/** Blobs of this face fit into one bundle, so they have one part. */
function infoOf({ parts }: BlobView): BlobInfo {
  const [part] = parts
  if (part?.statement === undefined) return empty()
  const { commitment, epoch, committee } = part.statement
  return { blobHeader: { storageRoot: toWire(commitment), epoch, quorumId: quorumIdOf(committee, part.index) } }
}

function empty(): BlobInfo {
  return { blobHeader: undefined }
}

function invalid(message: string): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message, metadata: { parameter: 'request_id' } })
}
