import { ZerogError } from '@zerog/primitives'
import { BlobStatus, type DisperseBlobReply, type DisperseBlobRequest } from '@zerog/proto/disperser'
import type { Disperser } from '../../../app/disperser/disperser.ts'
import { zerogRequestId } from '../../../core/disperser/request-id.ts'
import { toWire } from '../statement-codec.ts'

const NOBODY = new Uint8Array(20)

/** @param nanoseconds since the Unix epoch, never the same twice */
export function disperseBlob(
  disperser: Disperser,
  deps: { readonly blobBytesMax: number; readonly sha256: (bytes: Uint8Array) => Uint8Array; readonly nanoseconds: () => bigint },
) {
  return async ({ data }: DisperseBlobRequest, signal: AbortSignal): Promise<DisperseBlobReply> => {
    // The sentences are those of 0G's server: people search for them.
    if (data.length === 0) throw new ZerogError('INVALID_ARGUMENT', { message: 'blob size must be greater than 0' })
    if (data.length > deps.blobBytesMax) {
      throw new ZerogError('LIMIT_EXCEEDED', { message: `blob size cannot exceed ${Math.ceil(deps.blobBytesMax / 1024)} KiB` })
    }
    const id = zerogRequestId(deps.sha256(data), deps.nanoseconds())
    const rest = { account: NOBODY, idempotencyKey: undefined, retentionSeconds: 0, signal }
    await disperser.accept({ id, sizeBytes: data.length, chunks: [data], ...rest }, 'disperser')
    return { result: BlobStatus.PROCESSING, requestId: toWire(new TextEncoder().encode(id)) }
  }
}
