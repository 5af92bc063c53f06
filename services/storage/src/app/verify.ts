import {
  checkSegmentProof,
  checkSegmentRoot,
  ENTRY_BYTES,
  fileLayout,
  type ProofFailure,
  SEGMENT_BYTES,
  type TreeHasher,
  ZerogError,
} from '@zerog/primitives'
import type { Segment } from './segment.ts'

/** Why a segment does not prove that it belongs to its file; undefined where it does. */
export type SegmentChecker = (segment: Segment) => Promise<ProofFailure | undefined>

export type CheckerDeps = {
  readonly hasher: TreeHasher
  /** Root of one full segment, hashed elsewhere (threads) so that the event loop stays free. */
  readonly fullSegmentRoot?: (data: Uint8Array) => Promise<Uint8Array>
}

export function segmentChecker({ hasher, fullSegmentRoot }: CheckerDeps): SegmentChecker {
  return async (segment) => {
    const { root, sizeBytes, index, proof, data } = segment
    const isFull = data.length === SEGMENT_BYTES && (index + 1) * SEGMENT_BYTES <= sizeBytes
    if (!isFull || fullSegmentRoot === undefined) return checkSegmentProof(segment, hasher)
    const segmentRoot = await fullSegmentRoot(data)
    return checkSegmentRoot({ layout: fileLayout(sizeBytes), index, segmentRoot, root, proof }, hasher)
  }
}

/** Which parameter of 0G's calls a failure belongs to; clients match on both texts. */
const PARAMETER_OF = new Map<ProofFailure, string>([
  ['index out of bound', 'index'],
  ['invalid data length', 'data'],
  ['data beyond the end of the file is not zero', 'data'],
])

/** Throws PROOF_INVALID with the parameter and 0G's text in the metadata. Returns the segment with whole entries. */
export async function verifySegment(segment: Segment, check: SegmentChecker): Promise<Segment> {
  const problem = await check(segment)
  if (problem !== undefined) throw invalidSegment({ parameter: PARAMETER_OF.get(problem) ?? 'proof', problem })
  const whole = Math.ceil(segment.data.length / ENTRY_BYTES) * ENTRY_BYTES
  if (whole === segment.data.length) return segment
  const data = new Uint8Array(whole)
  data.set(segment.data)
  return { ...segment, data }
}

/** A refusal that 0G's faces report as `Invalid params: <parameter>` with the problem as data. */
export function invalidSegment({ parameter, problem }: { parameter: string; problem: string }): ZerogError {
  return new ZerogError(parameter === 'proof' ? 'PROOF_INVALID' : 'INVALID_ARGUMENT', {
    message: `the segment is refused (${parameter}): ${problem}`,
    metadata: { parameter, problem },
  })
}
