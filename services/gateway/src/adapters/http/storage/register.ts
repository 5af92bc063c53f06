import type { Clock, Logger, Meter, Rpc } from '@zerog/ports'
import { StorageServiceDefinition } from '@zerog/proto/storage'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendBusinessError, sendData } from './envelope.ts'
import { toFaceError } from './face-error.ts'
import { registerFiles } from './files.ts'
import { indexerMethods } from './indexer-methods.ts'
import { createIntake, type Intake } from './intake.ts'
import { type StorageJsonRpc, storageJsonRpc } from './json-rpc.ts'
import { nodeMethods } from './node-methods.ts'
import { readUpload } from './segment-upload.ts'
import { sendSegments } from './upload.ts'

export type StorageFacesOptions = {
  /** Largest body of an upload. */
  readonly bodyBytesMax: number
  /** How clients reach this gateway; empty: as the request says. */
  readonly publicUrl: string
}

export type StorageFaces = {
  readonly jsonRpc: StorageJsonRpc
  /** Path below the gateway's URL: JSON-RPC of node and indexer, and the files. */
  readonly paths: { readonly node: string; readonly indexer: string }
  readonly status: () => Promise<{ readonly ready: boolean; readonly detail: string }>
}

/** Where 0G's node (`/storage`, `/storage/replica/<n>`) and its indexer (`/indexer`) are. Every one knows all methods and files. */
const NODE_PATH = '/storage'
const INDEXER_PATH = '/indexer'

/** Registers the storage faces on the gateway's HTTP server. */
export function registerStorage(
  app: FastifyInstance,
  options: StorageFacesOptions,
  deps: { readonly rpc: Pick<Rpc, 'client'>; readonly clock: Clock; readonly logger: Logger; readonly meter: Meter },
): StorageFaces {
  const client = deps.rpc.client(StorageServiceDefinition, 'storage-gateway')
  const intake = createIntake(deps.clock)
  const methods = { ...nodeMethods(client, deps.clock), ...indexerMethods(client, deps.clock) }
  const jsonRpc = storageJsonRpc({ methods, logger: deps.logger })
  observe(deps.meter, intake)

  const routeOptions = {
    bodyLimit: options.bodyBytesMax,
    onRequest: intake.admit,
    preHandler: async (request: FastifyRequest) => intake.bodyArrived(request),
  }
  const handle = async (request: FastifyRequest, reply: FastifyReply) => {
    const gone = new AbortController()
    reply.raw.once('close', () => gone.abort())
    const context = { signal: gone.signal, baseUrl: baseUrl(request, options.publicUrl) }
    const { status, text } = await jsonRpc.execute(bodyOf(request), context)
    return reply.code(status).type('application/json').send(text)
  }
  const rpcRoute = { ...routeOptions, errorHandler: jsonRpcRefusal }
  for (const path of [NODE_PATH, `${NODE_PATH}/`, `${NODE_PATH}/replica/:replica`, INDEXER_PATH, `${INDEXER_PATH}/`]) {
    app.post(path, rpcRoute, handle)
  }
  for (const prefix of [NODE_PATH, INDEXER_PATH]) {
    registerFiles(app, prefix, client)
    app.post(`${prefix}/file/segment`, routeOptions, async (request, reply) => {
      try {
        const signal = AbortSignal.timeout(120_000)
        await sendSegments(client, { ...(await readUpload(client, bodyOf(request))), signal }, deps.clock)
        return sendData(reply, 'Succeeded to upload segment')
      } catch (error) {
        return sendBusinessError(reply, error)
      }
    })
  }
  return {
    jsonRpc,
    paths: { node: NODE_PATH, indexer: INDEXER_PATH },
    async status() {
      const status = await client.getStatus({}, { timeoutMs: 2000, retriesMax: 0 })
      const detail = `${status.nodeCount} nodes, followed to block ${status.logSyncHeight}, ${status.nextTxSeq} submissions`
      return { ready: status.nodeCount > 0, detail }
    },
  }
}

function bodyOf(request: FastifyRequest): Uint8Array {
  return request.body instanceof Uint8Array ? request.body : new Uint8Array()
}

function baseUrl(request: FastifyRequest, publicUrl: string): string {
  return publicUrl === '' ? `${request.protocol}://${request.host}` : publicUrl.replace(/\/$/, '')
}

/** What is refused before the body was read: too large, or too many wait. */
function jsonRpcRefusal(error: unknown, _request: FastifyRequest, reply: FastifyReply): void {
  const tooLarge = typeof error === 'object' && error !== null && 'statusCode' in error && error.statusCode === 413
  const { code, message, data } = tooLarge
    ? { code: -32008, message: 'Request is too big', data: 'the body is larger than this face accepts' }
    : toFaceError(error)
  reply
    .code(tooLarge ? 413 : 200)
    .type('application/json')
    .send(JSON.stringify({ jsonrpc: '2.0', error: { code, message, ...(data === undefined ? {} : { data }) }, id: null }))
}

function observe(meter: Meter, intake: Intake): void {
  meter.gauge({
    name: 'zerog_gateway_storage_body_bytes',
    help: 'Bytes of upload bodies that are read or decoded.',
    read: () => intake.bytes.used(),
  })
  meter.gauge({
    name: 'zerog_gateway_storage_waiting_count',
    help: 'Uploads whose body waits to be read.',
    read: () => intake.bytes.waiting(),
  })
}
