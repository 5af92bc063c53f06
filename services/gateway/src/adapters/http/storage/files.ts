import { Readable } from 'node:stream'
import { toHex } from '@zerog/primitives'
import type { File, FileRef } from '@zerog/proto/storage'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type DirectoryNode, decodeDirectory, locate } from './directory.ts'
import {
  fileNotFinalized,
  fileNotFound,
  filePruned,
  fileTooLarge,
  invalidParameter,
  pathNotFound,
  sendBusinessError,
  sendData,
  typeUnsupported,
} from './envelope.ts'
import { STORAGE_LIMITS } from './limits.ts'
import { nodeStatusJson } from './node-methods.ts'
import { parseRange } from './range.ts'
import type { StorageClient } from './upload.ts'
import { fileInfoJson, refOfRoot, refOfTxSeq } from './wire.ts'

/** The REST part of 0G's indexer gateway, with ranges and without its cap on the size of a download. */
export function registerFiles(app: FastifyInstance, prefix: string, client: StorageClient): void {
  const route = (url: string, handle: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>) =>
    app.get(`${prefix}${url}`, async (request, reply) => {
      try {
        return await handle(request, reply)
      } catch (error) {
        return sendBusinessError(reply, error)
      }
    })

  const info = async (ref: FileRef): Promise<File | undefined> => (await client.getFile({ file: ref, needAvailable: true })).file

  route('/file', async (request, reply) => {
    const query = request.query as Record<string, unknown> // fastify parses it
    const ref = refOfQuery(query)
    return sendFile(request, reply, { client, file: await available(info, ref), name: text(query.name) })
  })
  route('/file/info/:cid', async (request, reply) => {
    const file = await info(refOfCid((request.params as { cid: string }).cid))
    if (file === undefined) throw fileNotFound()
    return sendData(reply, fileInfoJson(file))
  })
  route('/files/info', async (request, reply) => {
    const cids = list((request.query as Record<string, unknown>).cid)
    if (cids.length === 0) throw invalidParameter('No cid specified')
    if (cids.length > STORAGE_LIMITS.filesPerInfoMax) {
      throw invalidParameter(`Too many cid specified, exceeded ${STORAGE_LIMITS.filesPerInfoMax}`)
    }
    return sendData(reply, await Promise.all(cids.map((cid) => infoOrProblem(info, cid))))
  })
  route('/node/status', async (_request, reply) => sendData(reply, await nodeStatusJson(client, AbortSignal.timeout(10_000))))
  route('/file/:cid/*', async (request, reply) => {
    const { cid, '*': path } = request.params as { cid: string; '*': string } // the route has both
    const node = await locateMember({ client, file: await available(info, refOfCid(cid)), path })
    if (node.type === 'directory') return sendData(reply, node.entries.map(listed))
    if (node.type === 'symbolic') return sendData(reply, { name: node.name, type: node.type, link: node.link })
    const [root, ...more] = node.roots
    if (node.type !== 'file' || root === undefined || more.length > 0) throw typeUnsupported(node.type)
    return sendFile(request, reply, { client, file: await available(info, refOfCid(root)), name: node.name })
  })
}

async function available(info: (ref: FileRef) => Promise<File | undefined>, ref: FileRef): Promise<File> {
  const file = await info(ref)
  if (file === undefined) throw fileNotFound()
  if (file.pruned) throw filePruned()
  if (!file.finalized) throw fileNotFinalized()
  return file
}

/** Streams the file or one range of it. The root is its strong validator: content under it never changes. */
async function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  { client, file, name }: { readonly client: StorageClient; readonly file: File; readonly name: string | undefined },
): Promise<FastifyReply> {
  const sizeBytes = Number(file.sizeBytes)
  const etag = `"${toHex(file.root)}-${sizeBytes}"`
  reply
    .header('accept-ranges', 'bytes')
    .header('etag', etag)
    .header('cache-control', 'public, max-age=31536000, immutable')
    .header('content-disposition', disposition(name ?? toHex(file.root)))
    .type('application/octet-stream')
  if (request.headers['if-none-match']?.includes(etag)) return reply.code(304).send()
  const condition = request.headers['if-range']
  const range = condition !== undefined && condition !== etag ? 'whole' : parseRange(request.headers.range, sizeBytes)
  if (range === 'unsatisfiable') return reply.code(416).header('content-range', `bytes */${sizeBytes}`).send()
  const { offset, length } = range === 'whole' ? { offset: 0, length: sizeBytes } : range
  if (range !== 'whole') reply.code(206).header('content-range', `bytes ${offset}-${offset + length - 1}/${sizeBytes}`)
  reply.header('content-length', String(length))
  // An empty stream: with no payload at all the framework would say that the length is 0.
  if (request.method === 'HEAD') return reply.send(Readable.from([]))
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  const ref = refOfTxSeq(Number(file.txSeq))
  return reply.send(
    Readable.from(chunks(client, { file: ref, offset, length }, gone.signal), { objectMode: false, highWaterMark: 1 }),
  )
}

async function* chunks(
  client: StorageClient,
  { file, offset, length }: { readonly file: FileRef; readonly offset: number; readonly length: number },
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const request = { file, offset: BigInt(offset), length: BigInt(length) }
  for await (const { chunk } of client.readFile(request, { signal })) yield chunk
}

async function locateMember(from: {
  readonly client: StorageClient
  readonly file: File
  readonly path: string
}): Promise<DirectoryNode> {
  const size = Number(from.file.sizeBytes)
  const max = STORAGE_LIMITS.directoryBytesMax
  if (size > max) throw fileTooLarge({ actual: size, max })
  const parts: Buffer[] = []
  const ref = refOfTxSeq(Number(from.file.txSeq))
  for await (const part of chunks(from.client, { file: ref, offset: 0, length: size }, AbortSignal.timeout(30_000)))
    parts.push(part)
  const root = decodeDirectory(Buffer.concat(parts))
  if (root === undefined) throw typeUnsupported('not a directory')
  const node = locate(root, from.path)
  if (node === undefined) throw pathNotFound(from.path)
  return node
}

async function infoOrProblem(info: (ref: FileRef) => Promise<File | undefined>, cid: string): Promise<unknown> {
  try {
    const file = await info(refOfCid(cid))
    return file === undefined ? null : fileInfoJson(file)
  } catch (error) {
    return error instanceof Error ? `Failed to retrieve file info: ${error.message}` : String(error)
  }
}

function listed({ name, type, size }: DirectoryNode) {
  return { name, type, ...(size === 0 ? {} : { size }) }
}

function refOfQuery(query: Record<string, unknown>): FileRef {
  const txSeq = text(query.txSeq)
  if (txSeq !== undefined) return refOfTxSeq(/^\d{1,15}$/.test(txSeq) ? Number(txSeq) : Number.NaN)
  const root = text(query.root)
  if (root === undefined) throw invalidParameter("Either 'root' or 'txSeq' must be provided")
  return refOfRoot(root)
}

/** A number is a sequence number, anything else a root. */
function refOfCid(cid: string): FileRef {
  const trimmed = cid.trim()
  return /^\d{1,15}$/.test(trimmed) ? refOfTxSeq(Number(trimmed)) : refOfRoot(trimmed)
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function list(value: unknown): readonly string[] {
  return (Array.isArray(value) ? value : [value]).filter((entry) => typeof entry === 'string' && entry !== '')
}

/** RFC 6266: plain ASCII for old clients, UTF-8 for the others. No path, no quotes, no line ends. */
function disposition(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\/]/g, '_')
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`
}
