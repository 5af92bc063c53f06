import { defaultHasher } from './default-hasher.ts'
import { hashPair, type TreeHasher } from './hasher.ts'
import { ENTRY_BYTES, type FileLayout, fileLayout, proofSteps, SEGMENT_BYTES, segmentEntryCount } from './layout.ts'
import { foldNodes, paddingRoot, rootsEqual, type SegmentProof, segmentNodes } from './segment-tree.ts'

/** Why a segment is refused; undefined where it is right. The texts are 0G's where clients match on them. */
export type ProofFailure =
  | 'index out of bound'
  | 'invalid data length'
  | 'data beyond the end of the file is not zero'
  | 'invalid proof'
  | 'validation failed'
  | 'invalid proof node value in the padding range'

export type SegmentClaim = {
  /** 32 bytes: the file root to prove against. */
  readonly root: Uint8Array
  readonly sizeBytes: number
  readonly index: number
  /** The segment's entries that hold bytes of the file; the last entry is zero-padded or ends with the file. */
  readonly data: Uint8Array
  readonly proof: SegmentProof
}

/**
 * Checks a segment against its file root: the length of the data, the position that `path` spells, the hashes, and that siblings
 * in the padding are zero subtrees (else a file could carry data where others see padding). Never throws on hostile input
 * but for a size that no file has.
 */
export function checkSegmentProof(claim: SegmentClaim, hasher: TreeHasher = defaultHasher): ProofFailure | undefined {
  const layout = fileLayout(claim.sizeBytes)
  const { index, data } = claim
  if (!Number.isInteger(index) || index < 0 || index >= layout.segmentCount) return 'index out of bound'
  const entriesBytes = segmentEntryCount(layout, index) * ENTRY_BYTES
  const fileBytes = Math.min(entriesBytes, claim.sizeBytes - index * SEGMENT_BYTES)
  if (data.length !== entriesBytes && data.length !== fileBytes) return 'invalid data length'
  // Same root, other bytes: without this a reader who trims to the file's size would get bytes that hash to another root.
  if (data.subarray(fileBytes).some((byte) => byte !== 0)) return 'data beyond the end of the file is not zero'
  const segmentRoot = foldNodes(segmentNodes({ layout, index, data }, hasher), hasher)
  return checkSegmentRoot({ layout, index, segmentRoot, root: claim.root, proof: claim.proof }, hasher)
}

/** The same for a segment whose root is known already. */
export function checkSegmentRoot(
  claim: {
    readonly layout: FileLayout
    readonly index: number
    readonly segmentRoot: Uint8Array
    readonly root: Uint8Array
    readonly proof: SegmentProof
  },
  hasher: TreeHasher = defaultHasher,
): ProofFailure | undefined {
  const { layout, index, segmentRoot, root, proof } = claim
  const { lemma, path } = proof
  const steps = proofSteps(layout.paddedSegmentCount, index)
  const lemmaLength = steps.length === 0 ? 1 : steps.length + 2
  if (lemma.length !== lemmaLength || path.length !== steps.length) return 'invalid proof'
  if (lemma.some((node) => node.length !== 32) || root.length !== 32) return 'invalid proof'
  if (steps.some((step, level) => step.isLeft !== path[level])) return 'invalid proof'
  if (!rootsEqual(lemma[0], segmentRoot) || !rootsEqual(lemma.at(-1), root)) return 'validation failed'
  let node = segmentRoot
  for (const [level, step] of steps.entries()) {
    const sibling = lemma[level + 1] as Uint8Array // the length was checked above
    const padding = paddingRoot({ layout, start: step.siblingStart, end: step.siblingEnd }, hasher)
    if (padding !== undefined && !rootsEqual(padding, sibling)) return 'invalid proof node value in the padding range'
    node = step.isLeft ? hashPair(hasher, node, sibling) : hashPair(hasher, sibling, node)
  }
  return rootsEqual(node, root) ? undefined : 'validation failed'
}
