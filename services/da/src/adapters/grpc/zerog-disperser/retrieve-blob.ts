import { BUNDLE_PAYLOAD_BYTES_MAX } from '@zerog/availability'
import type { Rpc } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { RetrieverServiceDefinition } from '@zerog/proto/da'
import type { RetrieveBlobReply, RetrieveBlobRequest } from '@zerog/proto/disperser'

const RETRIEVE_TIMEOUT_MS = 60_000

/** Out of the nodes, by the retriever: what it gives was verified. */
export function retrieveBlob(rpc: Rpc) {
  const client = rpc.client(RetrieverServiceDefinition, 'da-retriever')
  return async ({ storageRoot, epoch, quorumId }: RetrieveBlobRequest, signal: AbortSignal): Promise<RetrieveBlobReply> => {
    if (storageRoot.length !== 32) {
      throw new ZerogError('INVALID_ARGUMENT', {
        message: 'parameter StorageRoot len is not accepted',
        metadata: { parameter: 'storage_root' },
      })
    }
    const request = { header: { commitment: storageRoot, epoch, quorumId }, offset: 0n, length: 0n }
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const { chunk } of client.retrieve(request, { signal, timeoutMs: RETRIEVE_TIMEOUT_MS })) {
      bytes += chunk.length
      if (bytes > BUNDLE_PAYLOAD_BYTES_MAX)
        throw new ZerogError('LIMIT_EXCEEDED', { message: 'the blob is larger than a bundle' })
      chunks.push(chunk)
    }
    return { data: Buffer.concat(chunks) }
  }
}
