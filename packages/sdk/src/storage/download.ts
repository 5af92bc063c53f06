import { checkSegmentProof, SEGMENT_BYTES, ZerogError } from '@zerog/primitives'
import { type Hex, hexToBytes } from 'viem'
import type { Context } from '../client.ts'
import { throwIfCancelled } from '../errors.ts'
import { downloadSegment, type FileInfo, getFileInfo } from './node-api.ts'
import { inOrder } from './parallel.ts'

export type DownloadOptions = {
  /** First byte and one past the last. Default: the whole file. */
  readonly range?: { readonly start?: number; readonly end?: number }
  /** Checks every segment against the root. Default true: turn it off only for data that is checked elsewhere. */
  readonly verify?: boolean
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void
  readonly signal?: AbortSignal
  /** Segments fetched ahead of the reader. Default 8. */
  readonly parallel?: number
}

/**
 * The bytes of a file, in order, each segment proven against `root` before it is handed out: a server that lies is found out, not
 * believed. The root fixes every byte but not how many zero bytes follow the last other one within the file's padding.
 * @example for await (const bytes of download(client, root)) process(bytes)
 * @throws ZerogError NOT_FOUND, UPLOAD_INCOMPLETE, VERIFICATION_FAILED
 */
export async function* download(
  context: Context,
  root: Hex,
  options: DownloadOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  const info = await stat(context, root, signal)
  const { start, end } = rangeOf(info, options)
  if (start === end) return
  const range = { first: Math.floor(start / SEGMENT_BYTES), last: Math.floor((end - 1) / SEGMENT_BYTES) }
  let done = 0
  const segments = inOrder(range, options.parallel ?? 8, async (index) => {
    throwIfCancelled(options.signal)
    return { index, data: await fetchSegment(context, { root, info, index }, options) }
  })
  for await (const { index, data } of segments) {
    const offset = index * SEGMENT_BYTES
    const bytes = data.subarray(Math.max(0, start - offset), Math.min(data.length, end - offset, info.sizeBytes - offset))
    done += bytes.length
    options.onProgress?.({ done, total: end - start })
    yield bytes
  }
}

/** The same in one piece; meant for files that fit into memory. */
export async function downloadBytes(context: Context, root: Hex, options: DownloadOptions = {}): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of download(context, root, options)) {
    parts.push(part)
    length += part.length
  }
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}

/** What the network knows about a file. Throws NOT_FOUND for an unknown root. */
export async function stat(context: Context, root: Hex, options: { readonly signal?: AbortSignal } = {}): Promise<FileInfo> {
  const info = await getFileInfo(context, { root }, options)
  if (info !== undefined) return info
  throw new ZerogError('NOT_FOUND', {
    message: `no file with root ${root} is known here; check the root and the network, or wait if it was uploaded just now`,
    metadata: { root },
  })
}

async function fetchSegment(
  context: Context,
  segment: { readonly root: Hex; readonly info: FileInfo; readonly index: number },
  options: DownloadOptions,
): Promise<Uint8Array> {
  const { root, info, index } = segment
  const where = { submissionIndex: info.submissionIndex, index }
  const answer = await downloadSegment(context, where, options.signal === undefined ? {} : { signal: options.signal })
  if (answer === undefined) {
    throw new ZerogError('UPLOAD_INCOMPLETE', {
      message: `segment ${index} of file ${root} is not there${info.finalized ? '' : ': its upload was never completed'}`,
      metadata: { root, segment: String(index) },
    })
  }
  if (options.verify !== false) {
    const failure = checkSegmentProof({
      root: hexToBytes(root),
      sizeBytes: info.sizeBytes,
      index,
      data: answer.data,
      proof: answer.proof,
    })
    if (failure !== undefined) {
      throw new ZerogError('VERIFICATION_FAILED', {
        message: `segment ${index} does not belong to file ${root} (${failure}); the server gave wrong data, ask another one`,
        metadata: { root, segment: String(index), failure },
      })
    }
  }
  return answer.data
}

function rangeOf(info: FileInfo, options: DownloadOptions): { readonly start: number; readonly end: number } {
  const start = options.range?.start ?? 0
  const end = Math.min(options.range?.end ?? info.sizeBytes, info.sizeBytes)
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end) return { start, end }
  throw new ZerogError('INVALID_ARGUMENT', {
    message: `bytes ${start} to ${end} are no range of a file of ${info.sizeBytes} bytes`,
  })
}
