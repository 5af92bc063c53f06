import { assert } from '../assert.ts'
import { defaultHasher } from './default-hasher.ts'
import type { TreeHasher } from './hasher.ts'
import {
  ENTRY_BYTES,
  fileLayout,
  SEGMENT_BYTES,
  SEGMENT_ENTRIES,
  SEGMENT_HEIGHT,
  segmentEntryCount,
  subtreeHeights,
} from './layout.ts'
import { createSegmentTree, foldNodes, type SegmentTree, type SubtreeNode, segmentNodes } from './segment-tree.ts'

/** A file's tree with what its submission to the flow contract needs. */
export type FileTree = SegmentTree & {
  /** Submission nodes, largest first. The root is their fold. */
  readonly nodes: readonly SubtreeNode[]
}

/** Takes a file piece by piece; holds one segment and 32 bytes per segment, never the file. */
export type FileTreeBuilder = {
  /** Any number of bytes, which may be reused after the call. */
  push(bytes: Uint8Array): void
  /** Closes the builder. Throws `RangeError` for an empty file. */
  finish(): FileTree
}

/**
 * The tree of bytes in memory (0G's file root and what goes with it).
 * @example const { root, nodes } = buildFileTree(new TextEncoder().encode('hello'))
 */
export function buildFileTree(data: Uint8Array, hasher: TreeHasher = defaultHasher): FileTree {
  const layout = fileLayout(data.length)
  const lastIndex = layout.segmentCount - 1
  const fullRoots = new Uint8Array(lastIndex * 32)
  for (let index = 0; index < lastIndex; index++) {
    const segment = data.subarray(index * SEGMENT_BYTES, (index + 1) * SEGMENT_BYTES)
    fullRoots.set(hasher.subtreeRoot(segment, SEGMENT_HEIGHT), index * 32)
  }
  return assembleFileTree({ sizeBytes: data.length, fullRoots, lastSegment: data.subarray(lastIndex * SEGMENT_BYTES) }, hasher)
}

/** The same for a file that arrives as a stream of unknown length. */
export function createFileTreeBuilder(hasher: TreeHasher = defaultHasher): FileTreeBuilder {
  const roots: Uint8Array[] = []
  let segment = new Uint8Array(SEGMENT_BYTES)
  let filled = 0
  let closed = false
  // A full segment is hashed only when more bytes follow, because the last one is padded by the size of the whole file.
  const flush = (): void => {
    roots.push(hasher.subtreeRoot(segment, SEGMENT_HEIGHT))
    filled = 0
  }
  return {
    push(bytes) {
      assert(!closed, 'push after finish')
      for (let offset = 0; offset < bytes.length; ) {
        if (filled === SEGMENT_BYTES) flush()
        const taken = Math.min(SEGMENT_BYTES - filled, bytes.length - offset)
        segment.set(bytes.subarray(offset, offset + taken), filled)
        filled += taken
        offset += taken
      }
    },
    finish() {
      assert(!closed, 'finish twice')
      closed = true
      const fullRoots = new Uint8Array(roots.length * 32)
      for (const [index, root] of roots.entries()) fullRoots.set(root, index * 32)
      const lastSegment = segment.subarray(0, filled)
      segment = new Uint8Array(0)
      return assembleFileTree({ sizeBytes: roots.length * SEGMENT_BYTES + filled, fullRoots, lastSegment }, hasher)
    },
  }
}

/** The tree of an async stream, e.g. of a file handle. Memory as `createFileTreeBuilder`. */
export async function fileTreeOfStream(source: AsyncIterable<Uint8Array>, hasher: TreeHasher = defaultHasher): Promise<FileTree> {
  const builder = createFileTreeBuilder(hasher)
  for await (const bytes of source) builder.push(bytes)
  return builder.finish()
}

/**
 * Puts a tree together from the roots of all segments but the last (32 bytes each, hashed wherever) and the last one's bytes.
 * Throws `RangeError` for an empty file.
 */
export function assembleFileTree(
  options: { readonly sizeBytes: number; readonly fullRoots: Uint8Array; readonly lastSegment: Uint8Array },
  hasher: TreeHasher = defaultHasher,
): FileTree {
  const { sizeBytes, fullRoots, lastSegment } = options
  const layout = fileLayout(sizeBytes)
  const lastIndex = layout.segmentCount - 1
  assert(fullRoots.length === lastIndex * 32, 'one root per segment but the last')
  assert(Math.ceil(lastSegment.length / ENTRY_BYTES) === segmentEntryCount(layout, lastIndex), 'the last segment is complete')
  const lastNodes = segmentNodes({ layout, index: lastIndex, data: lastSegment }, hasher)
  const segmentRoots = new Uint8Array(layout.segmentCount * 32)
  segmentRoots.set(fullRoots)
  segmentRoots.set(foldNodes(lastNodes, hasher), lastIndex * 32)
  const tree = createSegmentTree({ sizeBytes, segmentRoots }, hasher)
  return { ...tree, nodes: submissionNodes(tree, lastNodes) }
}

/** Subtrees of at least a segment stand in the segment tree; smaller ones exist only in the last padded segment. */
function submissionNodes(tree: SegmentTree, lastNodes: readonly SubtreeNode[]): SubtreeNode[] {
  let start = 0
  return subtreeHeights(tree.layout.paddedEntryCount).map((height) => {
    const level = height - SEGMENT_HEIGHT
    const startSegment = Math.floor(start / SEGMENT_ENTRIES)
    start += 2 ** height
    if (level >= 0) return { height, root: tree.alignedRoot(level, startSegment / 2 ** level) }
    const node = lastNodes.find((candidate) => candidate.height === height)
    assert(node !== undefined && startSegment === tree.layout.segmentCount - 1, `subtree of height ${height} in the last segment`)
    return node
  })
}
