import { readFileSync } from 'node:fs'
import { Client, credentials } from '@grpc/grpc-js'
import {
  type Blob,
  BlobState,
  type DisperseRequest,
  type DisperseResponse,
  DisperserServiceDefinition,
  type RetrieveRequest,
  type RetrieveResponse,
  RetrieverServiceDefinition,
} from '@zerog/proto/da'

export type Endpoints = {
  readonly rpcUrl: string
  readonly services: Readonly<Record<string, { readonly grpc?: string; readonly pid: number }>>
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string }
  readonly da: { readonly entrance: string }
}

/** Disperser and retriever as a developer's tool reaches them; every call may fail while processes are killed. */
export function daClient({ services, tls }: Endpoints) {
  const secure = credentials.createSsl(readFileSync(tls.ca), readFileSync(tls.key), readFileSync(tls.cert))
  const options = {
    'grpc.max_reconnect_backoff_ms': 500,
    'grpc.initial_reconnect_backoff_ms': 50,
    // Once in 60 kills the session of a killed server stays open on this side without its socket: only a ping that nobody answers tells.
    'grpc.keepalive_time_ms': 2_000,
    'grpc.keepalive_timeout_ms': 2_000,
  }
  const disperser = new Client(services['da-disperser']?.grpc ?? '', secure, options)
  const retriever = new Client(services['da-retriever']?.grpc ?? '', secure, options)
  const { disperse, getBlob } = DisperserServiceDefinition.methods
  const { retrieve } = RetrieverServiceDefinition.methods
  const deadline = () => ({ deadline: Date.now() + 10_000 })
  return {
    disperse(data: Buffer, idempotencyKey: string): Promise<Blob> {
      return new Promise((resolve, reject) => {
        const call = disperser.makeClientStreamRequest<DisperseRequest, DisperseResponse>(
          '/zerog.da.v1.DisperserService/Disperse',
          (message) => Buffer.from(disperse.requestType.encode(message).finish()),
          (bytes) => disperse.responseType.decode(bytes),
          deadline(),
          (error, answer) => (answer?.blob === undefined ? reject(error) : resolve(answer.blob)),
        )
        const head = { sizeBytes: BigInt(data.length), idempotencyKey, account: Buffer.alloc(0), retentionSeconds: 0 }
        call.write({ options: head, chunk: data })
        call.end()
      })
    },
    blob(id: string): Promise<Blob> {
      return new Promise((resolve, reject) => {
        disperser.makeUnaryRequest(
          '/zerog.da.v1.DisperserService/GetBlob',
          (message: { id: string }) => Buffer.from(getBlob.requestType.encode(message).finish()),
          (bytes: Buffer) => getBlob.responseType.decode(bytes),
          { id },
          deadline(),
          (error, answer) => (answer?.blob === undefined ? reject(error) : resolve(answer.blob)),
        )
      })
    },
    retrieve(header: RetrieveRequest['header']): Promise<Buffer> {
      return new Promise((resolve, reject) => {
        const call = retriever.makeServerStreamRequest<RetrieveRequest, RetrieveResponse>(
          '/zerog.da.v1.RetrieverService/Retrieve',
          (message) => Buffer.from(retrieve.requestType.encode(message).finish()),
          (bytes) => retrieve.responseType.decode(bytes),
          { header, offset: 0n, length: 0n },
          deadline(),
        )
        const chunks: Buffer[] = []
        call.on('data', ({ chunk }: RetrieveResponse) => chunks.push(chunk))
        call.on('error', reject)
        call.on('end', () => resolve(Buffer.concat(chunks)))
      })
    },
    isFinal: ({ state }: Blob) => state === BlobState.BLOB_STATE_FINALIZED,
    isFailed: ({ state }: Blob) => state === BlobState.BLOB_STATE_FAILED,
    close() {
      disperser.close()
      retriever.close()
    },
  }
}
