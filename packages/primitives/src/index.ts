export { AssertionError, assert } from './assert.ts'
export { type Budget, budget } from './budget.ts'
export { bigintToBytes, bytesToBigint, compareBytes, concatBytes, equalBytes, fromHex, type Hex, isHex, toHex } from './bytes.ts'
export { type Drainer, drainer } from './drainer.ts'
export { type ErrorDetails, ZerogError } from './error.ts'
export { defaultHasher, keccak256 } from './file-tree/default-hasher.ts'
export {
  assembleFileTree,
  buildFileTree,
  createFileTreeBuilder,
  type FileTree,
  type FileTreeBuilder,
  fileTreeOfStream,
} from './file-tree/file-tree.ts'
export { hashPair, referenceHasher, type TreeHasher, zeroRoot } from './file-tree/hasher.ts'
export {
  ENTRY_BYTES,
  FILE_BYTES_MAX,
  type FileLayout,
  fileLayout,
  proofPath,
  SEGMENT_BYTES,
  SEGMENT_ENTRIES,
  SEGMENT_HEIGHT,
  segmentEntryCount,
  segmentPaddedEntryCount,
  subtreeHeights,
} from './file-tree/layout.ts'
export { fileTreeInPool, type ParallelOptions, type SegmentHasher } from './file-tree/parallel.ts'
export { checkSegmentProof, checkSegmentRoot, type ProofFailure, type SegmentClaim } from './file-tree/proof.ts'
export {
  createSegmentTree,
  foldNodes,
  type SegmentProof,
  type SegmentTree,
  type SubtreeNode,
  segmentNodes,
} from './file-tree/segment-tree.ts'
export { HTTP_STATUS, REASONS, type Reason, type Status } from './reasons.ts'
