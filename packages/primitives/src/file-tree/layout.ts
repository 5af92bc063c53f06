/** Bytes of an entry (also called sector or chunk), the leaf of every tree. */
export const ENTRY_BYTES = 256
/** Entries of a full segment, the unit of upload, download and proof. */
export const SEGMENT_ENTRIES = 1024
export const SEGMENT_BYTES = ENTRY_BYTES * SEGMENT_ENTRIES
/** Height of the subtree over a full segment. */
export const SEGMENT_HEIGHT = 10
/** 1 PiB: sizes stay exact as a `number` and the segment roots of a file fit into memory. */
export const FILE_BYTES_MAX = 2 ** 50

/** How a file of `sizeBytes` lies in the flow. */
export type FileLayout = {
  readonly sizeBytes: number
  /** Entries that hold bytes of the file. */
  readonly entryCount: number
  /** Entries after flow padding; the difference is zero entries. */
  readonly paddedEntryCount: number
  /** Segments that hold bytes of the file: what is uploaded and stored. */
  readonly segmentCount: number
  /** Segments that proofs count against. */
  readonly paddedSegmentCount: number
}

/**
 * Layout of a file of `sizeBytes` (1 to 2^50). An empty file has none: contract and nodes refuse it.
 * Rule: the power of two `p` above the entry count is cut into 16 parts, and the count is rounded up to whole parts, so a file
 * has at most four subtrees (0g-storage-client `core/flow.go`, 0g-storage-node `shared_types`).
 */
export function fileLayout(sizeBytes: number): FileLayout {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 1 || sizeBytes > FILE_BYTES_MAX) {
    throw new RangeError(`a file has 1 to ${FILE_BYTES_MAX} bytes, not ${sizeBytes}`)
  }
  const entryCount = Math.ceil(sizeBytes / ENTRY_BYTES)
  const paddedEntryCount = padEntryCount(entryCount)
  return {
    sizeBytes,
    entryCount,
    paddedEntryCount,
    segmentCount: Math.ceil(entryCount / SEGMENT_ENTRIES),
    paddedSegmentCount: Math.ceil(paddedEntryCount / SEGMENT_ENTRIES),
  }
}

/** Entries of segment `index` that hold bytes of the file; 0 in the padding. */
export function segmentEntryCount(layout: FileLayout, index: number): number {
  return clamp(layout.entryCount - index * SEGMENT_ENTRIES, SEGMENT_ENTRIES)
}

/** Entries of segment `index` with padding, the leaves of its tree; 0 beyond the last one. */
export function segmentPaddedEntryCount(layout: FileLayout, index: number): number {
  return clamp(layout.paddedEntryCount - index * SEGMENT_ENTRIES, SEGMENT_ENTRIES)
}

/** Heights of the greedy binary decomposition of `entryCount`, largest first: 18 gives [4, 1]. */
export function subtreeHeights(entryCount: number): number[] {
  const heights: number[] = []
  let rest = entryCount
  for (let height = Math.floor(Math.log2(entryCount)) + 1; rest > 0; height--) {
    const size = 2 ** height
    if (rest < size) continue
    heights.push(height)
    rest -= size
  }
  return heights
}

/** Sides from leaf `index` of a tree over `leafCount` leaves up to the root: true where our node is the left child. */
export function proofPath(leafCount: number, index: number): boolean[] {
  return proofSteps(leafCount, index).map((step) => step.isLeft)
}

/** One step of a proof: which side we are on and which leaves `[siblingStart, siblingEnd)` the sibling covers. */
export type ProofStep = { readonly isLeft: boolean; readonly siblingStart: number; readonly siblingEnd: number }

/** The steps of `proofPath`, bottom to top. A tree over n leaves splits at the largest power of two below n. */
export function proofSteps(leafCount: number, index: number): ProofStep[] {
  const steps: ProofStep[] = []
  let start = 0
  let end = leafCount
  while (end - start > 1) {
    const middle = start + nextPowerOfTwo(end - start) / 2
    const isLeft = index < middle
    steps.push(isLeft ? { isLeft, siblingStart: middle, siblingEnd: end } : { isLeft, siblingStart: start, siblingEnd: middle })
    if (isLeft) end = middle
    else start = middle
  }
  return steps.reverse()
}

/** The smallest power of two that is at least `value` (value >= 1), exact up to 2^52. */
export function nextPowerOfTwo(value: number): number {
  let power = 1
  while (power < value) power *= 2
  return power
}

function padEntryCount(entryCount: number): number {
  const power = nextPowerOfTwo(entryCount)
  const part = power >= 16 ? power / 16 : 1
  return Math.ceil(entryCount / part) * part
}

function clamp(value: number, max: number): number {
  return Math.min(Math.max(value, 0), max)
}
