import { type SegmentProof, ZerogError } from '@zerog/primitives'
import { bytesToHex, type Hex, hexToBytes, isHex } from 'viem'
import type { Context } from '../client.ts'
import { base64ToBytes, bytesToBase64 } from './base64.ts'

/** What a storage node says about a file (0G's FileInfo, the fields that matter to a client). */
export type FileInfo = {
  readonly root: Hex
  readonly submissionIndex: bigint
  readonly sizeBytes: number
  readonly finalized: boolean
  readonly pruned: boolean
  readonly segmentsUploaded: number
  /** Roots of the submission's subtrees, largest first: Keccak-256 over them is how the Flow contract names it. */
  readonly subtreeRoots: readonly Hex[]
}

export type NodeStatus = {
  readonly chainId: number
  readonly flow: Hex
  readonly logSyncHeight: bigint
  readonly nextSubmissionIndex: bigint
}

type Signal = { readonly signal?: AbortSignal }

export async function getNodeStatus(context: Context, options: Signal = {}): Promise<NodeStatus> {
  const status = fields(await context.transport.request('storage', { method: 'zgs_getStatus' }, options), 'zgs_getStatus')
  const identity = fields(status.networkIdentity, 'zgs_getStatus')
  return {
    chainId: integer(identity.chainId, 'networkIdentity.chainId'),
    flow: hex(identity.flowAddress, 20, 'networkIdentity.flowAddress'),
    logSyncHeight: BigInt(integer(status.logSyncHeight, 'logSyncHeight')),
    nextSubmissionIndex: BigInt(integer(status.nextTxSeq, 'nextTxSeq')),
  }
}

/** undefined while the network knows no file of that root (or submission). */
export async function getFileInfo(
  context: Context,
  id: { readonly root: Hex } | { readonly submissionIndex: bigint },
  options: Signal = {},
): Promise<FileInfo | undefined> {
  const request =
    'root' in id
      ? { method: 'zgs_getFileInfo', params: [id.root, true] }
      : { method: 'zgs_getFileInfoByTxSeq', params: [Number(id.submissionIndex)] }
  const answer = await context.transport.request('storage', request, options)
  if (answer === null || answer === undefined) return undefined
  const info = fields(answer, request.method)
  const tx = fields(info.tx, request.method)
  return {
    root: hex(tx.dataMerkleRoot, 32, 'tx.dataMerkleRoot'),
    submissionIndex: BigInt(integer(tx.seq, 'tx.seq')),
    sizeBytes: integer(tx.size, 'tx.size'),
    finalized: info.finalized === true,
    pruned: info.pruned === true,
    segmentsUploaded: integer(info.uploadedSegNum, 'uploadedSegNum'),
    subtreeRoots: rootsOf(tx.merkleNodes),
  }
}

export type UploadSegment = {
  readonly root: Uint8Array
  readonly index: number
  /** Padded with zeros to whole entries. */
  readonly data: Uint8Array
  readonly proof: SegmentProof
  readonly sizeBytes: number
}

/** Sends segments to the entry of `submissionIndex`, or by root alone when the entry is not known yet. */
export async function uploadSegments(
  context: Context,
  segments: readonly UploadSegment[],
  options: Signal & { readonly submissionIndex?: bigint },
): Promise<void> {
  const wire = segments.map((segment) => ({
    root: bytesToHex(segment.root),
    data: bytesToBase64(segment.data),
    index: segment.index,
    proof: { lemma: segment.proof.lemma.map((node) => bytesToHex(node)), path: segment.proof.path },
    fileSize: segment.sizeBytes,
  }))
  const { submissionIndex } = options
  const request =
    submissionIndex === undefined
      ? { method: 'zgs_uploadSegments', params: [wire] }
      : { method: 'zgs_uploadSegmentsByTxSeq', params: [wire, Number(submissionIndex)] }
  await context.transport.request('storage', request, options)
}

export type DownloadedSegment = { readonly data: Uint8Array; readonly proof: SegmentProof }

/** One segment with its proof against the file root; undefined when the node does not hold it. */
export async function downloadSegment(
  context: Context,
  segment: { readonly submissionIndex: bigint; readonly index: number },
  options: Signal = {},
): Promise<DownloadedSegment | undefined> {
  const method = 'zgs_downloadSegmentWithProofByTxSeq'
  const params = [Number(segment.submissionIndex), segment.index]
  const answer = await context.transport.request('storage', { method, params }, options)
  if (answer === null || answer === undefined) return undefined
  const wire = fields(answer, method)
  const proof = fields(wire.proof, method)
  if (typeof wire.data !== 'string' || !Array.isArray(proof.lemma) || !Array.isArray(proof.path)) throw malformed(method)
  return {
    data: base64ToBytes(wire.data),
    proof: {
      lemma: proof.lemma.map((node) => hexToBytes(hex(node, 32, 'lemma'))),
      path: proof.path.map((side) => side === true),
    },
  }
}

/** Whether the node holds a segment, by asking for its first entry only. */
export async function hasSegment(
  context: Context,
  segment: { readonly submissionIndex: bigint; readonly entryStart: number },
  options: Signal = {},
): Promise<boolean> {
  const params = [Number(segment.submissionIndex), segment.entryStart, segment.entryStart + 1]
  const answer = await context.transport
    .request('storage', { method: 'zgs_downloadSegmentByTxSeq', params }, options)
    .catch(() => null)
  return typeof answer === 'string' && answer.length > 0
}

/** `[[height, root], …]` */
function rootsOf(nodes: unknown): readonly Hex[] {
  if (!Array.isArray(nodes)) throw malformed('tx.merkleNodes')
  return nodes.map((node) => hex(Array.isArray(node) ? node[1] : undefined, 32, 'tx.merkleNodes'))
}

function fields(value: unknown, method: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(method)
  return value as Record<string, unknown> // an object was just checked
}

function integer(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw malformed(name)
}

function hex(value: unknown, length: number, name: string): Hex {
  if (typeof value === 'string' && isHex(value) && value.length === 2 + 2 * length) return value
  throw malformed(name)
}

function malformed(what: string): ZerogError {
  return new ZerogError('DEPENDENCY_UNAVAILABLE', {
    message: `the storage endpoint gave an answer that is not understood (${what}); is it a storage node's URL?`,
  })
}
