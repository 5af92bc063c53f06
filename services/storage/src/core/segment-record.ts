import { assert, concatBytes, SEGMENT_BYTES, type SegmentProof } from '@zerog/primitives'
import { PROOF_STEPS_MAX } from '../limits.ts'

/** What a node stores under a segment's key: enough to prove the segment to anybody without asking anybody. */
export type SegmentRecord = { readonly proof: SegmentProof; readonly data: Uint8Array }

const VERSION = 1
const HEADER_BYTES = 6

/**
 * version (1) | steps (1) | sides as bits, first step lowest (4) | lemma (32 each) | data. The lemma of one node (a file of one
 * segment) has no steps; otherwise steps + 2 nodes.
 */
export function encodeSegmentRecord({ proof, data }: SegmentRecord): Uint8Array {
  const steps = proof.path.length
  assert(steps <= PROOF_STEPS_MAX && proof.lemma.length === lemmaLength(steps), 'the proof was checked before')
  const header = new Uint8Array(HEADER_BYTES)
  header[0] = VERSION
  header[1] = steps
  let sides = 0
  for (const [step, isLeft] of proof.path.entries()) if (isLeft) sides += 2 ** step
  new DataView(header.buffer).setUint32(2, sides)
  return concatBytes(header, ...proof.lemma, data)
}

/** undefined for bytes that no version of this code wrote. */
export function decodeSegmentRecord(bytes: Uint8Array): SegmentRecord | undefined {
  const steps = bytes[1]
  if (bytes[0] !== VERSION || steps === undefined || steps > PROOF_STEPS_MAX || bytes.length < HEADER_BYTES) return undefined
  const dataStart = HEADER_BYTES + 32 * lemmaLength(steps)
  const dataBytes = bytes.length - dataStart
  if (dataBytes < 1 || dataBytes > SEGMENT_BYTES) return undefined
  const sides = new DataView(bytes.buffer, bytes.byteOffset).getUint32(2)
  if (steps < 32 && sides >= 2 ** steps) return undefined
  const path = Array.from({ length: steps }, (_, step) => Math.floor(sides / 2 ** step) % 2 === 1)
  return { proof: { lemma: splitNodes(bytes.subarray(HEADER_BYTES, dataStart)), path }, data: bytes.subarray(dataStart) }
}

/** 32 bytes each; the length must be a multiple. */
export function splitNodes(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length / 32 }, (_, index) => bytes.subarray(index * 32, index * 32 + 32))
}

function lemmaLength(steps: number): number {
  return steps === 0 ? 1 : steps + 2
}
