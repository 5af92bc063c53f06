import { assert } from '../assert.ts'
import { equalBytes } from '../bytes.ts'
import { hashPair, type TreeHasher, zeroRoot } from './hasher.ts'
import {
  ENTRY_BYTES,
  type FileLayout,
  fileLayout,
  proofSteps,
  SEGMENT_ENTRIES,
  segmentPaddedEntryCount,
  subtreeHeights,
} from './layout.ts'

/** A subtree of a submission: `height` 0 is one entry, `root` has 32 bytes. */
export type SubtreeNode = { readonly height: number; readonly root: Uint8Array }

/** `lemma` = [segment root, siblings bottom to top, file root]; [root] alone for a file of one segment. */
export type SegmentProof = { readonly lemma: readonly Uint8Array[]; readonly path: readonly boolean[] }

/** The tree whose leaves are the roots of a file's padded segments. Immutable. */
export type SegmentTree = {
  readonly layout: FileLayout
  readonly root: Uint8Array
  /** Root of padded segment `index`. */
  segmentRoot(index: number): Uint8Array
  /** Proof of padded segment `index` against the file root. Throws `RangeError` beyond the last one. */
  proof(index: number): SegmentProof
  /** Root of the perfect subtree over segments `index * 2 ** level` and the following `2 ** level`. */
  alignedRoot(level: number, index: number): Uint8Array
}

/**
 * The tree of a file from the roots of its segments. `segmentRoots`: 32 bytes for each segment that holds bytes of the file
 * (see `segmentNodes`), in order; segments of pure padding are known without being given.
 */
export function createSegmentTree(
  options: { readonly sizeBytes: number; readonly segmentRoots: Uint8Array },
  hasher: TreeHasher,
): SegmentTree {
  const layout = fileLayout(options.sizeBytes)
  assert(options.segmentRoots.length === layout.segmentCount * 32, 'one root per segment of the file')
  const levels = hashLevels(padSegmentRoots(layout, options.segmentRoots, hasher), hasher)
  const node = (level: number, index: number): Uint8Array => {
    const nodes = levels[level]
    assert(nodes !== undefined && index >= 0 && index * 32 < nodes.length, `no node ${index} at level ${level}`)
    return nodes.slice(index * 32, index * 32 + 32)
  }
  const root = node(levels.length - 1, 0)
  return {
    layout,
    root,
    segmentRoot: (index) => node(0, index),
    alignedRoot: node,
    proof(index) {
      if (!Number.isInteger(index) || index < 0 || index >= layout.paddedSegmentCount) {
        throw new RangeError(`segment ${index} of ${layout.paddedSegmentCount}`)
      }
      const steps = proofSteps(layout.paddedSegmentCount, index)
      if (steps.length === 0) return { lemma: [root], path: [] }
      const siblings = steps.map(({ siblingStart, siblingEnd }) => node(...coveringNode(siblingStart, siblingEnd)))
      return { lemma: [node(0, index), ...siblings, root], path: steps.map((step) => step.isLeft) }
    },
  }
}

/**
 * The subtrees of segment `index`, largest first; for a full segment one of height 10. `data` are the segment's bytes of the
 * file (the last entry may be short).
 */
export function segmentNodes(
  options: { readonly layout: FileLayout; readonly index: number; readonly data: Uint8Array },
  hasher: TreeHasher,
): SubtreeNode[] {
  let offset = 0
  return subtreeHeights(segmentPaddedEntryCount(options.layout, options.index)).map((height) => {
    const end = offset + 2 ** height * ENTRY_BYTES
    const root = hasher.subtreeRoot(options.data.subarray(offset, end), height)
    offset = end
    return { height, root }
  })
}

/** Root over consecutive subtrees: r = last; r = keccak(previous || r) to the left. The same as the tree over all their leaves. */
export function foldNodes(nodes: readonly SubtreeNode[], hasher: TreeHasher): Uint8Array {
  const last = nodes.at(-1)
  assert(last !== undefined, 'at least one node')
  return nodes.slice(0, -1).reduceRight((right, node) => hashPair(hasher, node.root, right), last.root)
}

/** Root of the tree over `entryCount` zero entries. */
export function zeroTreeRoot(entryCount: number, hasher: TreeHasher): Uint8Array {
  const nodes = subtreeHeights(entryCount).map((height) => ({ height, root: zeroRoot(height) }))
  return foldNodes(nodes, hasher)
}

/** What padding makes of the tree over segments [start, end); undefined where a segment holds bytes of the file. */
export function paddingRoot(
  options: { readonly layout: FileLayout; readonly start: number; readonly end: number },
  hasher: TreeHasher,
): Uint8Array | undefined {
  const { layout, start, end } = options
  if (start < layout.segmentCount) return undefined
  const entryEnd = Math.min(end * SEGMENT_ENTRIES, layout.paddedEntryCount)
  return zeroTreeRoot(entryEnd - start * SEGMENT_ENTRIES, hasher)
}

export function rootsEqual(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && equalBytes(a, b)
}

function padSegmentRoots(layout: FileLayout, segmentRoots: Uint8Array, hasher: TreeHasher): Uint8Array {
  const out = new Uint8Array(layout.paddedSegmentCount * 32)
  out.set(segmentRoots)
  for (let index = layout.segmentCount; index < layout.paddedSegmentCount; index++) {
    const root = paddingRoot({ layout, start: index, end: index + 1 }, hasher)
    out.set(root as Uint8Array, index * 32) // a segment of padding has a root
  }
  return out
}

/** Levels bottom to top, each one packed; an odd last node moves up unchanged. */
function hashLevels(leaves: Uint8Array, hasher: TreeHasher): Uint8Array[] {
  const levels = [leaves]
  for (let level = leaves; level.length > 32; ) {
    const pairs = Math.floor(level.length / 64)
    const next = new Uint8Array(Math.ceil(level.length / 64) * 32)
    for (let pair = 0; pair < pairs; pair++) next.set(hasher.keccak256(level.subarray(pair * 64, pair * 64 + 64)), pair * 32)
    if (pairs * 64 < level.length) next.set(level.subarray(pairs * 64), pairs * 32)
    levels.push(next)
    level = next
  }
  return levels
}

/** Level and index of the node over leaves [start, end): promotion leaves it at the level of the next power of two. */
function coveringNode(start: number, end: number): [number, number] {
  const level = Math.ceil(Math.log2(end - start))
  return [level, Math.floor(start / 2 ** level)]
}
