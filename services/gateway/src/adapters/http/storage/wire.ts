import { ENTRY_BYTES, SEGMENT_BYTES, toHex } from '@zerog/primitives'
import type { File, FileRef, Segment, SegmentProof } from '@zerog/proto/storage'
import { FaceError, invalidParams } from './face-error.ts'

const HASH = /^0x[0-9a-fA-F]{64}$/
/** Base64 of a full segment, rounded up. */
const DATA_CHARS_MAX = Math.ceil(SEGMENT_BYTES / 3) * 4 + 4
const LEMMA_MAX = 64

/** JSON of 0G's SegmentWithProof to the message. Throws what 0G's node says to a value of the wrong form. */
export function readSegment(value: unknown): Segment {
  const { root, data, index, proof, fileSize } = fields(value, 'segment')
  return {
    root: readHash(root, 'root'),
    sizeBytes: BigInt(readInteger(fileSize, 'fileSize')),
    index: readIndex(index, 'index'),
    proof: readProof(proof),
    data: readData(data),
  }
}

export function readProof(value: unknown): SegmentProof {
  const { lemma, path } = fields(value, 'proof')
  if (!Array.isArray(lemma) || !Array.isArray(path) || lemma.length > LEMMA_MAX || path.length > LEMMA_MAX) {
    throw invalidParams('proof', 'invalid proof')
  }
  if (path.some((side) => typeof side !== 'boolean')) throw invalidParams('proof', 'invalid proof')
  return { lemma: Buffer.concat(lemma.map((node) => readHash(node, 'proof'))), path }
}

export function readData(value: unknown): Buffer {
  if (typeof value !== 'string') throw wrongType('data', 'a base64 string')
  if (value.length > DATA_CHARS_MAX) throw invalidParams('data', 'invalid data length')
  const bytes = Buffer.from(value, 'base64')
  // Buffer skips what is no base64; the length tells that it did. Padding is required, as 0G's node does.
  if (value.length % 4 !== 0 || bytes.length !== base64Bytes(value)) throw wrongType('data', 'a base64 string')
  return bytes
}

export function readHash(value: unknown, parameter: string): Buffer {
  if (typeof value !== 'string' || !HASH.test(value)) throw wrongType(parameter, '0x and 64 hexadecimal digits')
  return Buffer.from(value.slice(2), 'hex')
}

export function readInteger(value: unknown, parameter: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw wrongType(parameter, 'a non-negative integer')
  return value
}

/** Segments are counted with 32 bits. */
export function readIndex(value: unknown, parameter: string): number {
  const index = readInteger(value, parameter)
  if (index > 0xffffffff) throw invalidParams(parameter, 'index out of bound')
  return index
}

export function refOfRoot(value: unknown): FileRef {
  return { ref: { $case: 'root', value: readHash(value, 'root') } }
}

export function refOfTxSeq(value: unknown): FileRef {
  return { ref: { $case: 'txSeq', value: BigInt(readInteger(value, 'tx_seq')) } }
}

/** The segment as 0G's node returns it: `data` is whole entries. */
export function segmentJson(segment: Segment): unknown {
  return {
    root: toHex(segment.root),
    data: segment.data.toString('base64'),
    index: segment.index,
    proof: proofJson(segment.proof),
    fileSize: Number(segment.sizeBytes),
  }
}

export function proofJson(proof: SegmentProof | undefined): unknown {
  const lemma = proof?.lemma ?? Buffer.alloc(0)
  const nodes = Array.from({ length: lemma.length / 32 }, (_, index) => toHex(lemma.subarray(index * 32, index * 32 + 32)))
  return { lemma: nodes, path: proof?.path ?? [] }
}

/** 0G's FileInfo. Depths count nodes, heights edges. */
export function fileInfoJson(file: File): unknown {
  return {
    tx: {
      streamIds: [],
      data: [],
      dataMerkleRoot: toHex(file.root),
      merkleNodes: file.nodes.map((node) => [node.height + 1, toHex(node.root)]),
      startEntryIndex: Number(file.startEntry),
      size: Number(file.sizeBytes),
      seq: Number(file.txSeq),
    },
    finalized: file.finalized,
    isCached: file.cached,
    uploadedSegNum: file.uploadedSegmentCount,
    pruned: file.pruned,
  }
}

/** Entries of a file, the last one padded. */
export function entryCountOf(file: Pick<File, 'sizeBytes'>): number {
  return Math.ceil(Number(file.sizeBytes) / ENTRY_BYTES)
}

export function fields(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongType(what, 'an object')
  return value as Record<string, unknown> // an object was just checked
}

function wrongType(parameter: string, form: string): FaceError {
  return new FaceError(-32602, 'Invalid params', `${parameter}: expected ${form}`)
}

function base64Bytes(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return Math.floor(((text.length - padding) * 3) / 4)
}
