import { Client, credentials } from '@grpc/grpc-js'
import {
  BlobStatus,
  type BlobStatusReply,
  type DisperseBlobReply,
  DisperserDefinition,
  type RetrieveBlobReply,
} from '@zerog/proto/disperser'

type Methods = typeof DisperserDefinition.methods

/** A plain gRPC client of 0G's interface, with nothing of ours around it. */
export function zerogClient(address: string) {
  const client = new Client(address, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 })
  const call = <Reply>(key: keyof Methods, request: unknown): Promise<Reply> => {
    const method = DisperserDefinition.methods[key]
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        `/disperser.Disperser/${method.name}`,
        (message: unknown) => Buffer.from(method.requestType.encode(message as never).finish()),
        (bytes: Buffer) => method.responseType.decode(bytes) as Reply,
        request,
        (error, reply) => (error === null && reply !== undefined ? resolve(reply) : reject(error)),
      )
    })
  }
  return {
    disperse: (data: Uint8Array) => call<DisperseBlobReply>('disperseBlob', { data }),
    status: (requestId: Uint8Array) => call<BlobStatusReply>('getBlobStatus', { requestId }),
    retrieve: (header: NonNullable<NonNullable<BlobStatusReply['info']>['blobHeader']>) =>
      call<RetrieveBlobReply>('retrieveBlob', header),
    close: () => client.close(),
    raw: client,
  }
}

/** As 0G's Rust example does it: disperse, ask until FINALIZED, echo the header to RetrieveBlob. */
export async function roundTrip(
  address: string,
  data: Uint8Array,
  pauseMs = 50,
): Promise<{ readonly data: Uint8Array; readonly requestId: string }> {
  const client = zerogClient(address)
  try {
    const { requestId } = await client.disperse(data)
    for (;;) {
      const { status, info } = await client.status(requestId)
      if (status === BlobStatus.FINALIZED && info?.blobHeader !== undefined) {
        const { data: back } = await client.retrieve(info.blobHeader)
        return { data: back, requestId: requestId.toString('latin1') }
      }
      if (status === BlobStatus.FAILED || status === BlobStatus.INSUFFICIENT_SIGNATURES) throw new Error(`status ${status}`)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  } finally {
    client.close()
  }
}
