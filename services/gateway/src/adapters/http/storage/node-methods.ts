import type { Clock } from '@zerog/ports'
import { ENTRY_BYTES, SEGMENT_BYTES, SEGMENT_ENTRIES, toHex } from '@zerog/primitives'
import type { File, FileRef, Segment } from '@zerog/proto/storage'
import { executionFailed, FaceError, invalidParams } from './face-error.ts'
import { STORAGE_LIMITS } from './limits.ts'
import { type StorageClient, sendSegments } from './upload.ts'
import {
  entryCountOf,
  fileInfoJson,
  proofJson,
  readHash,
  readIndex,
  readInteger,
  readSegment,
  refOfRoot,
  refOfTxSeq,
  segmentJson,
} from './wire.ts'

export type MethodContext = { readonly signal: AbortSignal; readonly baseUrl: string }
export type Method = (params: readonly unknown[], context: MethodContext) => Promise<unknown>

/** 0.4.0, the protocol of 0g-storage-node that this face speaks for. */
const PROTOCOL_VERSION = { major: 0, minor: 4, build: 0 }

/** `zgs_*`: the installation as one full storage node. `null` is "not found"; parameters are positional. */
export function nodeMethods(client: StorageClient, clock: Clock): Readonly<Record<string, Method>> {
  const getFile = async (file: FileRef, signal: AbortSignal, needAvailable = false): Promise<File | undefined> =>
    (await client.getFile({ file, needAvailable }, { signal })).file

  const upload = async (segments: readonly Segment[], txSeq: number | undefined, signal: AbortSignal): Promise<null> => {
    if (segments.length > 0) await sendSegments(client, { segments, txSeq, signal }, clock)
    return null
  }

  async function readSegments(file: FileRef, range: { first: number; count: number }, signal: AbortSignal): Promise<Segment[]> {
    const out: Segment[] = []
    const request = { file, segmentFirst: range.first, segmentCount: range.count }
    for await (const { segment } of client.readSegments(request, { signal })) if (segment !== undefined) out.push(segment)
    return out
  }

  async function download(ref: FileRef, [start, end]: readonly unknown[], signal: AbortSignal): Promise<string | null> {
    const first = readInteger(start, 'start_index')
    const last = readInteger(end, 'end_index')
    if (first >= last) throw invalidParams('end_index', 'invalid chunk index')
    if (last - first > SEGMENT_ENTRIES) throw invalidParams('end_index', `exceeds maximum chunks ${SEGMENT_ENTRIES}`)
    const file = await getFile(ref, signal, true)
    if (file === undefined) return null
    if (last > entryCountOf(file)) {
      throw executionFailed(`end entry index exceeds tx size: end=${first} tx size=${file.sizeBytes}`)
    }
    const segmentFirst = Math.floor(first / SEGMENT_ENTRIES)
    const count = Math.ceil(last / SEGMENT_ENTRIES) - segmentFirst
    const segments = await readSegments(refOfTxSeq(Number(file.txSeq)), { first: segmentFirst, count }, signal)
    if (segments.length < count) return null
    const bytes = segments.length === 1 ? (segments[0] as Segment).data : Buffer.concat(segments.map((segment) => segment.data))
    const offset = first * ENTRY_BYTES - segmentFirst * SEGMENT_BYTES
    return bytes.subarray(offset, offset + (last - first) * ENTRY_BYTES).toString('base64')
  }

  async function downloadWithProof(ref: FileRef, index: unknown, signal: AbortSignal): Promise<unknown> {
    const position = readIndex(index, 'index')
    const file = await getFile(ref, signal, true)
    if (file === undefined) return null
    if (position >= file.segmentCount) throw invalidParams('index', 'index out of bound')
    const [segment] = await readSegments(refOfTxSeq(Number(file.txSeq)), { first: position, count: 1 }, signal)
    return segment === undefined ? null : segmentJson(segment)
  }

  const fileInfo = async (ref: FileRef, needAvailable: boolean, signal: AbortSignal): Promise<unknown> => {
    const file = await getFile(ref, signal, needAvailable)
    return file === undefined ? null : fileInfoJson(file)
  }

  const flowSegment = async (index: unknown, withData: boolean, signal: AbortSignal) => {
    const found = await client.getFlowSegment({ index: BigInt(readInteger(index, 'node_index')), withData }, { signal })
    return found.hash.length === 0 ? undefined : found
  }

  return {
    zgs_getStatus: (_params, { signal }) => nodeStatusJson(client, signal),
    zgs_uploadSegment: ([segment], { signal }) => upload([readSegment(segment)], undefined, signal),
    zgs_uploadSegmentByTxSeq: ([segment, txSeq], { signal }) =>
      upload([readSegment(segment)], readInteger(txSeq, 'tx_seq'), signal),
    zgs_uploadSegments: ([segments], { signal }) => upload(readSegmentList(segments), undefined, signal),
    zgs_uploadSegmentsByTxSeq: ([segments, txSeq], { signal }) =>
      upload(readSegmentList(segments), readInteger(txSeq, 'tx_seq'), signal),
    zgs_downloadSegment: ([root, ...range], { signal }) => download(refOfRoot(root), range, signal),
    zgs_downloadSegmentByTxSeq: ([txSeq, ...range], { signal }) => download(refOfTxSeq(txSeq), range, signal),
    zgs_downloadSegmentWithProof: ([root, index], { signal }) => downloadWithProof(refOfRoot(root), index, signal),
    zgs_downloadSegmentWithProofByTxSeq: ([txSeq, index], { signal }) => downloadWithProof(refOfTxSeq(txSeq), index, signal),
    async zgs_checkFileFinalized([id], { signal }) {
      const file = await getFile(typeof id === 'number' ? refOfTxSeq(id) : refOfRoot(id), signal)
      return file === undefined ? null : file.finalized
    },
    zgs_getFileInfo: ([root, needAvailable], { signal }) => fileInfo(refOfRoot(root), needAvailable === true, signal),
    zgs_getFileInfoByTxSeq: ([txSeq], { signal }) => fileInfo(refOfTxSeq(txSeq), false, signal),
    zgs_getShardConfig: async () => ({ shardId: 0, numShard: 1 }),
    async zgs_getSectorProof([sector, root], { signal }) {
      const flowRoot = root === undefined || root === null ? {} : { flowRoot: readHash(root, 'flow_root') }
      const sectorIndex = BigInt(readInteger(sector, 'sector_index'))
      return proofJson((await client.getSectorProof({ sectorIndex, ...flowRoot }, { signal })).proof)
    },
    async zgs_getFlowContext(_params, { signal }) {
      const { root, length } = await client.getFlowContext({}, { signal })
      return [toHex(root), Number(length)]
    },
    async zgs_getHashAtNodeIndex([index], { signal }) {
      const found = await flowSegment(index, false, signal)
      if (found === undefined) throw executionFailed(`node hash not found at index ${index}`)
      return toHex(found.hash)
    },
    async zgs_getDataByNodeIndex([index], { signal }) {
      const found = await flowSegment(index, true, signal)
      return found === undefined ? null : [[...found.data]]
    },
    async zgs_getMetaDataByNodeIndex([index], { signal }) {
      const found = await flowSegment(index, false, signal)
      return found === undefined ? 'None' : `Some(FlowSegment { index: ${index}, hash: ${toHex(found.hash)} })`
    },
  }
}

export async function nodeStatusJson(client: StorageClient, signal: AbortSignal): Promise<unknown> {
  const status = await client.getStatus({}, { signal })
  return {
    connectedPeers: status.nodeCount,
    logSyncHeight: Number(status.logSyncHeight),
    logSyncBlock: toHex(status.logSyncBlock),
    nextTxSeq: Number(status.nextTxSeq),
    networkIdentity: {
      chainId: Number(status.chainId),
      flowAddress: toHex(status.flowAddress),
      p2pProtocolVersion: PROTOCOL_VERSION,
    },
  }
}

function readSegmentList(value: unknown): Segment[] {
  if (!Array.isArray(value)) throw new FaceError(-32602, 'Invalid params', 'segments: expected an array')
  if (value.length > STORAGE_LIMITS.segmentsPerCallMax) {
    throw invalidParams('segments', `at most ${STORAGE_LIMITS.segmentsPerCallMax} segments per call`)
  }
  return value.map(readSegment)
}
