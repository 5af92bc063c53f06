import { ENTRY_BYTES, type FileTree, SEGMENT_ENTRIES, ZerogError } from '@zerog/primitives'
import { bytesToHex, type Hash, type Hex } from 'viem'
import { addressOf, waitForReceipt } from '../chain/send.ts'
import type { Context } from '../client.ts'
import { throwIfCancelled } from '../errors.ts'
import { storageFee, submissionIndexOf, submitFile } from './flow.ts'
import { hashSource } from './hash.ts'
import { type FileInfo, getFileInfo, getNodeStatus, hasSegment, type NodeStatus, uploadSegments } from './node-api.ts'
import { forEachBounded } from './parallel.ts'
import { type OpenSource, openSource, type Source } from './source.ts'

export type UploadPhase = 'hash' | 'submit' | 'confirm' | 'upload' | 'finalize'

export type UploadProgress = {
  readonly phase: UploadPhase
  /** Bytes (hash) or segments (upload) done so far, of `total`; 0 of 1 and 1 of 1 for the other phases. */
  readonly done: number
  readonly total: number
}

export type UploadOptions = {
  /** How far to wait: the transaction is sent, it is in a finalized block, or enough nodes hold the file. Default `finalized`. */
  readonly wait?: 'submitted' | 'confirmed' | 'finalized'
  /** Stream ids of the entry, 0x-prefixed. Default none. */
  readonly tags?: Hex
  readonly onProgress?: (progress: UploadProgress) => void
  readonly signal?: AbortSignal
  /** Segments that travel at once. Default 8. */
  readonly parallel?: number
  /** For each of the waits: receipt and finality, ms. Default 60,000. */
  readonly timeoutMs?: number
}

export type Uploaded = {
  readonly root: Hex
  readonly sizeBytes: number
  /** Absent when the file was stored already: nothing was paid. */
  readonly txHash?: Hash
  /** Absent with `wait: 'submitted'`. */
  readonly submissionIndex?: bigint
  /** Storage fee, wei. 0 when nothing was paid. */
  readonly fee: bigint
  readonly finalized: boolean
  readonly segments: { readonly total: number; readonly sent: number }
}

/**
 * Stores a file: hashes it, submits its root to the flow contract with the storage fee, uploads its segments with proofs and
 * waits until enough nodes hold them. Calling it again after a failure continues: an entry that exists is not paid twice and
 * segments that arrived are not sent again.
 * @example const { root } = await upload(client, new Blob(['hello']))
 * @throws ZerogError INSUFFICIENT_FUNDS, TRANSACTION_REFUSED, UPLOAD_INCOMPLETE (call again), DEADLINE_EXCEEDED, CANCELLED
 */
export async function upload(context: Context, source: Source, options: UploadOptions = {}): Promise<Uploaded> {
  const open = await openSource(source)
  try {
    return await uploadOpen(context, open, options)
  } finally {
    await open.close()
  }
}

async function uploadOpen(context: Context, source: OpenSource, options: UploadOptions): Promise<Uploaded> {
  const report = options.onProgress ?? (() => {})
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  const tree = await hashSource(source, {
    ...signal,
    onBytes: (done) => report({ phase: 'hash', done, total: source.sizeBytes }),
  })
  const root = bytesToHex(tree.root)
  const node = await requireSameNetwork(context, signal)
  const known = options.tags === undefined ? await getFileInfo(context, { root }, signal) : undefined
  const result = { root, sizeBytes: source.sizeBytes, fee: 0n }
  const total = tree.layout.segmentCount
  if (known?.finalized === true) {
    report({ phase: 'finalize', done: 1, total: 1 })
    return { ...result, submissionIndex: known.submissionIndex, finalized: true, segments: { total, sent: 0 } }
  }
  const entry = known ?? (await submit(context, tree, node, options))
  const sent = await sendSegments(context, { source, tree, entry }, options)
  const done: Uploaded = { ...result, ...paymentOf(entry), finalized: false, segments: { total, sent } }
  if (options.wait === 'submitted' || options.wait === 'confirmed') return done
  report({ phase: 'finalize', done: 0, total: 1 })
  await waitForFinality(context, { root, ...indexOf(entry) }, options)
  report({ phase: 'finalize', done: 1, total: 1 })
  return { ...done, finalized: true }
}

type NewEntry = { readonly txHash: Hash; readonly fee: bigint; readonly submissionIndex?: bigint }
type Entry = FileInfo | NewEntry

function paymentOf(entry: Entry): Partial<Pick<Uploaded, 'txHash' | 'fee' | 'submissionIndex'>> {
  return 'txHash' in entry ? entry : { submissionIndex: entry.submissionIndex }
}

function indexOf(entry: Entry): { readonly submissionIndex?: bigint } {
  return entry.submissionIndex === undefined ? {} : { submissionIndex: entry.submissionIndex }
}

/** What an upload would cost, without sending anything. `root` needs no network. */
export async function estimateUpload(
  context: Context,
  source: Source,
): Promise<{
  readonly root: Hex
  readonly sizeBytes: number
  readonly fee: bigint
  readonly segments: number
  readonly stored: boolean
}> {
  const open = await openSource(source)
  try {
    const tree = await hashSource(open)
    const root = bytesToHex(tree.root)
    const node = await getNodeStatus(context)
    const [fee, known] = await Promise.all([storageFee(context, { flow: node.flow, tree }), getFileInfo(context, { root })])
    const stored = known?.finalized === true
    return { root, sizeBytes: open.sizeBytes, fee: known === undefined ? fee : 0n, segments: tree.layout.segmentCount, stored }
  } finally {
    await open.close()
  }
}

async function requireSameNetwork(context: Context, signal: { readonly signal?: AbortSignal }): Promise<NodeStatus> {
  const [node, chainId] = await Promise.all([getNodeStatus(context, signal), context.chainId()])
  if (node.chainId === chainId) return node
  throw new ZerogError('CONFIG_INVALID', {
    message: `the storage endpoint belongs to chain ${node.chainId} but the RPC endpoint to chain ${chainId}; use endpoints of one network`,
  })
}

async function submit(context: Context, tree: FileTree, node: NodeStatus, options: UploadOptions): Promise<NewEntry> {
  const report = options.onProgress ?? (() => {})
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  report({ phase: 'submit', done: 0, total: 1 })
  const fee = await storageFee(context, { flow: node.flow, tree })
  const submitter = addressOf(context)
  const tags = options.tags === undefined ? {} : { tags: options.tags }
  const { hash } = await submitFile(context, { flow: node.flow, tree, fee, submitter, ...tags, ...signal })
  report({ phase: 'submit', done: 1, total: 1 })
  if (options.wait === 'submitted') return { txHash: hash, fee }
  report({ phase: 'confirm', done: 0, total: 1 })
  const receipt = await waitForReceipt(context, { hash, ...signal, timeoutMs: options.timeoutMs ?? 60_000 })
  const submissionIndex = submissionIndexOf(receipt.logs, node.flow)
  if (submissionIndex === undefined) {
    throw new ZerogError('TRANSACTION_REFUSED', {
      message: `transaction ${hash} made no storage entry; the contract at ${node.flow} is not the one expected`,
      metadata: { hash, flow: node.flow },
    })
  }
  report({ phase: 'confirm', done: 1, total: 1 })
  return { txHash: hash, fee, submissionIndex }
}

async function sendSegments(
  context: Context,
  file: { readonly source: OpenSource; readonly tree: FileTree; readonly entry: Entry },
  options: UploadOptions,
): Promise<number> {
  const { source, tree, entry } = file
  const report = options.onProgress ?? (() => {})
  const total = tree.layout.segmentCount
  const resumes = 'segmentsUploaded' in entry && entry.segmentsUploaded > 0
  const submissionIndex = entry.submissionIndex
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  // The storage layer follows finalized blocks: right after the receipt it may not have read the entry yet.
  if (submissionIndex !== undefined && !('segmentsUploaded' in entry)) await waitForEntry(context, submissionIndex, options)
  let done = 0
  let sent = 0
  report({ phase: 'upload', done, total })
  try {
    await forEachBounded(total, { limit: options.parallel ?? 8, ...signal }, async (index) => {
      const stored =
        resumes &&
        submissionIndex !== undefined &&
        (await hasSegment(context, { submissionIndex, entryStart: index * SEGMENT_ENTRIES }, signal))
      if (!stored) {
        const data = wholeEntries(await source.segment(index))
        const segment = { root: tree.root, index, data, proof: tree.proof(index), sizeBytes: tree.layout.sizeBytes }
        await withRetries(() => uploadSegments(context, [segment], { ...signal, ...indexOf(entry) }), options.signal)
        sent += 1
      }
      done += 1
      report({ phase: 'upload', done, total })
    })
  } catch (error) {
    if (options.signal?.aborted)
      throw new ZerogError('CANCELLED', { message: 'the upload was cancelled; the same call continues it', cause: error })
    if (error instanceof ZerogError && error.status !== 'UNAVAILABLE' && error.status !== 'DEADLINE_EXCEEDED') throw error
    throw new ZerogError('UPLOAD_INCOMPLETE', {
      message: `${done} of ${total} segments arrived; the same call continues (${error instanceof Error ? error.message : error})`,
      metadata: { root: bytesToHex(tree.root), done: String(done), total: String(total) },
      cause: error,
    })
  }
  return sent
}

function wholeEntries(data: Uint8Array): Uint8Array {
  if (data.length % ENTRY_BYTES === 0) return data
  const padded = new Uint8Array(Math.ceil(data.length / ENTRY_BYTES) * ENTRY_BYTES)
  padded.set(data)
  return padded
}

/** Back-pressure and short outages: five tries with growing pauses. A duplicate counts as arrived. */
async function withRetries(work: () => Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof ZerogError)) throw error
      if (/already uploaded|already been uploaded|being uploaded/.test(error.message)) return
      const temporary = error.status === 'UNAVAILABLE' || error.status === 'RESOURCE_EXHAUSTED'
      if (!temporary || attempt === 5 || signal?.aborted) throw error
      await pause(Math.random() * 200 * 2 ** attempt)
    }
  }
}

async function waitForEntry(context: Context, submissionIndex: bigint, options: UploadOptions): Promise<void> {
  await poll(options, `the storage layer did not read entry ${submissionIndex}`, async () => {
    return (
      (await getFileInfo(context, { submissionIndex }, options.signal === undefined ? {} : { signal: options.signal })) !==
      undefined
    )
  })
}

/** Resolves when enough nodes hold the file. */
export async function waitForFinality(
  context: Context,
  file: { readonly root: Hex; readonly submissionIndex?: bigint },
  options: Pick<UploadOptions, 'signal' | 'timeoutMs'> = {},
): Promise<void> {
  const id = file.submissionIndex === undefined ? { root: file.root } : { submissionIndex: file.submissionIndex }
  await poll(options, `file ${file.root} is uploaded but not final`, async () => {
    return (await getFileInfo(context, id, options.signal === undefined ? {} : { signal: options.signal }))?.finalized === true
  })
}

async function poll(
  options: Pick<UploadOptions, 'signal' | 'timeoutMs'>,
  late: string,
  done: () => Promise<boolean>,
): Promise<void> {
  const timeoutMs = options.timeoutMs ?? 60_000
  const startedMs = performance.now()
  for (let delayMs = 20; ; delayMs = Math.min(delayMs * 1.5, 500)) {
    throwIfCancelled(options.signal)
    if (await done()) return
    if (performance.now() - startedMs > timeoutMs) {
      throw new ZerogError('DEADLINE_EXCEEDED', {
        message: `${late} after ${timeoutMs} ms; the same call continues, or raise the timeout`,
      })
    }
    await pause(delayMs)
  }
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs))
}
