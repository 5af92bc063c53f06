import { checkSegmentProof, ENTRY_BYTES, type TreeHasher, ZerogError } from '@zerog/primitives'
import type { Segment } from './segment.ts'

/** Which parameter of 0G's calls a failure belongs to; clients match on both texts. */
const PARAMETER_OF = new Map([
  ['index out of bound', 'index'],
  ['invalid data length', 'data'],
  ['data beyond the end of the file is not zero', 'data'],
])

/** Throws PROOF_INVALID with the parameter and 0G's text in the metadata. Returns the segment with whole entries. */
export function verifySegment(segment: Segment, hasher: TreeHasher): Segment {
  const problem = checkSegmentProof(segment, hasher)
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
