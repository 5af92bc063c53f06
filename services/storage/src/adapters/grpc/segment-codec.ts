import { concatBytes, FILE_BYTES_MAX, SEGMENT_BYTES, type SegmentProof, ZerogError } from '@zerog/primitives'
import type { FileRef as FileRefMessage, Receipt as ReceiptMessage, Segment as SegmentMessage } from '@zerog/proto/storage'
import type { FileRef } from '../../app/gateway/find-file.ts'
import type { Segment } from '../../app/segment.ts'
import type { Receipt } from '../../core/receipt.ts'
import type { FileKey } from '../../core/segment-key.ts'
import { splitNodes } from '../../core/segment-record.ts'
import { PROOF_STEPS_MAX } from '../../limits.ts'

/** A segment from the wire. Lengths and ranges are checked; that it proves anything is not. */
export function decodeSegment(message: SegmentMessage | undefined): Segment {
  if (message === undefined) throw invalid('segment', 'a segment is missing')
  const { proof } = message
  if (proof === undefined) throw invalid('proof', 'invalid proof')
  if (message.data.length > SEGMENT_BYTES) throw invalid('data', 'invalid data length')
  return { ...decodeFileKey(message), index: message.index, proof: decodeProof(proof.lemma, proof.path), data: message.data }
}

export function encodeSegment(segment: Segment): SegmentMessage {
  return {
    root: toWire(segment.root),
    sizeBytes: BigInt(segment.sizeBytes),
    index: segment.index,
    proof: encodeProof(segment.proof),
    data: toWire(segment.data),
  }
}

export function encodeProof(proof: SegmentProof): { lemma: Buffer; path: boolean[] } {
  return { lemma: toWire(concatBytes(...proof.lemma)), path: [...proof.path] }
}

export function decodeFileKey(message: { readonly root: Uint8Array; readonly sizeBytes: bigint }): FileKey {
  if (message.root.length !== 32) throw invalid('root', 'a root has 32 bytes')
  if (message.sizeBytes === 0n) throw invalid('file_size', 'file is empty')
  if (message.sizeBytes > BigInt(FILE_BYTES_MAX)) throw invalid('file_size', `a file has at most ${FILE_BYTES_MAX} bytes`)
  return { root: message.root, sizeBytes: Number(message.sizeBytes) }
}

export function decodeFileRef(message: FileRefMessage | undefined): FileRef {
  const ref = message?.ref
  if (ref?.$case === 'root') {
    if (ref.value.length !== 32) throw invalid('root', 'a root has 32 bytes')
    return { root: ref.value }
  }
  if (ref?.$case === 'txSeq') return { txSeq: decodeInteger(ref.value, 'tx_seq') }
  throw invalid('file', 'a root or a sequence number is missing')
}

/** A position or count that fits a number. */
export function decodeInteger(value: bigint, parameter: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid(parameter, 'the number is too large')
  return Number(value)
}

export function encodeReceipt(receipt: Receipt): ReceiptMessage {
  return {
    nodeId: toWire(receipt.nodeId),
    chainId: BigInt(receipt.chainId),
    root: toWire(receipt.root),
    sizeBytes: BigInt(receipt.sizeBytes),
    segmentFirst: receipt.segmentFirst,
    segmentCount: receipt.segmentCount,
    issuedAtMs: BigInt(receipt.issuedAtMs),
    signature: toWire(receipt.signature),
  }
}

/** The same memory as a Buffer, which the generated types ask for. */
export function toWire(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

export function invalid(parameter: string, problem: string): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message: `${parameter}: ${problem}`, metadata: { parameter, problem } })
}

function decodeProof(lemma: Uint8Array, path: readonly boolean[]): SegmentProof {
  if (lemma.length % 32 !== 0 || lemma.length > 32 * (PROOF_STEPS_MAX + 2) || path.length > PROOF_STEPS_MAX) {
    throw invalid('proof', 'invalid proof')
  }
  return { lemma: splitNodes(lemma), path }
}
