import { Readable } from 'node:stream'
import { fromHex, ZerogError } from '@zerog/primitives'
import { type Blob, BlobState, type DisperseRequest } from '@zerog/proto/da'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { parseRange } from '../storage/range.ts'
import type { DaClients } from './clients.ts'
import { DA_LIMITS } from './limits.ts'
import { blobJson, readInteger } from './wire.ts'

/** Blobs by the id that the disperser gave out: disperse, follow, read back. */
export function registerBlobs(app: FastifyInstance, path: string, clients: DaClients): void {
  app.register(async (scope) => {
    // The body of a dispersal is passed on as it comes: a blob of any size costs one chunk of memory here.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    scope.post(`${path}/blobs`, { bodyLimit: Number.MAX_SAFE_INTEGER }, async (request, reply) => {
      const { blob } = await clients.disperser.disperse(dispersal(request), { signal: goneOf(reply) })
      return sendBlob(reply.code(202), blob)
    })
  })

  app.get(`${path}/blobs/:id`, async (request, reply) => {
    const { id } = request.params as { id: string } // the route has it
    const { wait, timeoutMs } = request.query as Record<string, unknown> // fastify parses it
    if (wait === undefined) return sendBlob(reply, (await clients.disperser.getBlob({ id }, { signal: goneOf(reply) })).blob)
    const ms = readInteger(timeoutMs, { what: 'timeoutMs', max: DA_LIMITS.waitMs, absent: 30_000 })
    return sendBlob(reply, await reached(clients, { id, state: stateOf(wait), ms }, goneOf(reply)))
  })

  app.get(`${path}/blobs/:id/data`, async (request, reply) => {
    const { id } = request.params as { id: string } // the route has it
    const { blob } = await clients.disperser.getBlob({ id }, { signal: goneOf(reply) })
    if (blob === undefined) throw unknownBlob()
    if (blob.state !== BlobState.BLOB_STATE_CERTIFIED && blob.state !== BlobState.BLOB_STATE_FINALIZED) {
      throw new ZerogError('WRONG_STATE', {
        message: `the blob is ${blobJson(blob).state}; it can be read once it is certified: ask with ?wait=certified`,
        retryAfterMs: 500,
      })
    }
    return sendBytes(request, reply, { clients, blob })
  })
}

/** The request's body as messages of a dispersal. */
async function* dispersal(request: FastifyRequest): AsyncGenerator<DisperseRequest> {
  const sizeBytes = Number(request.headers['content-length'] ?? Number.NaN)
  if (!Number.isSafeInteger(sizeBytes)) {
    throw new ZerogError('INVALID_ARGUMENT', { message: 'say how long the blob is: a Content-Length header is needed' })
  }
  const key = request.headers['idempotency-key']
  const query = request.query as Record<string, unknown> // fastify parses it
  const account = query.account
  if (account !== undefined && !(typeof account === 'string' && /^0x[0-9a-fA-F]{40}$/.test(account))) {
    throw new ZerogError('INVALID_ARGUMENT', { message: 'account is an address: 0x and 40 hexadecimal digits' })
  }
  const options = {
    sizeBytes: BigInt(sizeBytes),
    idempotencyKey: typeof key === 'string' ? key : '',
    account: Buffer.from(account === undefined ? [] : fromHex(account as `0x${string}`)),
    retentionSeconds: readInteger(query.retentionSeconds, { what: 'retentionSeconds', max: 0xffffffff, absent: 0 }),
  }
  yield { options, chunk: Buffer.alloc(0) }
  if (!(request.body instanceof Readable)) return
  for await (const data of request.body as AsyncIterable<Buffer>) {
    for (let at = 0; at < data.length; at += DA_LIMITS.chunkBytes) {
      yield { options: undefined, chunk: data.subarray(at, at + DA_LIMITS.chunkBytes) }
    }
  }
}

/** The blob in this state or a later one, or as it is when the time is over. */
async function reached(
  clients: DaClients,
  { id, state, ms }: { readonly id: string; readonly state: BlobState; readonly ms: number },
  gone: AbortSignal,
): Promise<Blob | undefined> {
  const late = AbortSignal.timeout(ms)
  let last: Blob | undefined
  try {
    for await (const { blob } of clients.disperser.watchBlob({ id }, { signal: AbortSignal.any([gone, late]) })) {
      last = blob
      if (blob !== undefined && blob.state >= state) break
    }
  } catch (error) {
    if (!late.aborted) throw error
  }
  return last ?? (await clients.disperser.getBlob({ id }, { signal: gone })).blob
}

function stateOf(wait: unknown): BlobState {
  if (wait === 'certified') return BlobState.BLOB_STATE_CERTIFIED
  if (wait === 'finalized') return BlobState.BLOB_STATE_FINALIZED
  throw new ZerogError('INVALID_ARGUMENT', { message: 'wait is certified or finalized' })
}

function sendBlob(reply: FastifyReply, blob: Blob | undefined): FastifyReply {
  if (blob === undefined) throw unknownBlob()
  return reply.type('application/json').send(JSON.stringify(blobJson(blob)))
}

/** The blob or one range of it, out of the nodes. Its hash is its strong validator. */
function sendBytes(
  request: FastifyRequest,
  reply: FastifyReply,
  { clients, blob }: { readonly clients: DaClients; readonly blob: Blob },
): FastifyReply {
  const sizeBytes = Number(blob.sizeBytes)
  const etag = `"${blob.sha256.toString('hex')}"`
  reply.header('accept-ranges', 'bytes').header('etag', etag).type('application/octet-stream')
  const condition = request.headers['if-range']
  const range = condition !== undefined && condition !== etag ? 'whole' : parseRange(request.headers.range, sizeBytes)
  if (range === 'unsatisfiable') return reply.code(416).header('content-range', `bytes */${sizeBytes}`).send()
  const { offset, length } = range === 'whole' ? { offset: 0, length: sizeBytes } : range
  if (range !== 'whole') reply.code(206).header('content-range', `bytes ${offset}-${offset + length - 1}/${sizeBytes}`)
  reply.header('content-length', String(length))
  const bytes = blobBytes(clients, { blob, offset, end: offset + length }, goneOf(reply))
  return reply.send(Readable.from(bytes, { objectMode: false, highWaterMark: 1 }))
}

async function* blobBytes(
  clients: DaClients,
  { blob, offset, end }: { readonly blob: Blob; readonly offset: number; readonly end: number },
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  for (const part of blob.parts) {
    const first = Number(part.offset)
    const from = Math.max(offset, first)
    const to = Math.min(end, first + Number(part.sizeBytes))
    if (from >= to) continue
    const range = { offset: BigInt(from - first), length: BigInt(to - from) }
    for await (const { chunk } of clients.retriever.retrieve({ header: part.header, ...range }, { signal })) yield chunk
  }
}

/** Aborts when the client goes away. */
export function goneOf(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort(new ZerogError('CANCELLED', { message: 'the client went away' })))
  return gone.signal
}

function unknownBlob(): ZerogError {
  return new ZerogError('NOT_FOUND', { message: 'no blob with this id was dispersed here, or it expired' })
}
