import {
  ENTRY_BYTES,
  equalBytes,
  SEGMENT_BYTES,
  SEGMENT_ENTRIES,
  SEGMENT_HEIGHT,
  type SegmentProof,
  type TreeHasher,
  ZerogError,
  zeroRoot,
} from '@zerog/primitives'
import { createFlowTree, type FlowTree, type PlacedNode, placeNodes } from '../../core/flow-tree.ts'
import type { StorageRepository, StoredSubmission } from '../repository.ts'
import type { Segment } from '../segment.ts'
import type { FileFinder } from './find-file.ts'
import type { Reader } from './read.ts'

/** The flow as 0G's nodes show it: one Merkle tree over the entries of all files. */
export type Flow = {
  context(): Promise<{ readonly root: Uint8Array; readonly length: number }>
  /** Against the newest root, or the root after one of the last submissions. NOT_FOUND where data or root are unknown. */
  sectorProof(sector: number, root: Uint8Array | undefined, signal: AbortSignal): Promise<SegmentProof>
  /** Segment `index` of the flow; undefined beyond its end. Zeros where nothing is stored. */
  segment(
    index: number,
    withData: boolean,
    signal: AbortSignal,
  ): Promise<{ readonly hash: Uint8Array; readonly data: Uint8Array | undefined } | undefined>
}

export type FlowDeps = {
  readonly repository: StorageRepository
  readonly reader: Reader
  readonly finder: FileFinder
  readonly hasher: TreeHasher
}

const PAGE = 1000
/** Older roots of the flow are not kept; 0G's contract keeps 1,000 for mining. */
const ROOTS_BACK_MAX = 64

export function createFlow(deps: FlowDeps): Flow {
  const { repository, hasher } = deps
  const submissions: StoredSubmission[] = []
  let newest: FlowTree | undefined

  async function catchUp(): Promise<FlowTree> {
    for (;;) {
      const page = await repository.submissionsFrom(submissions.length, PAGE)
      const next = page.filter((submission, index) => submission.txSeq === submissions.length + index)
      if (next.length === 0) break
      submissions.push(...next)
      newest = undefined
    }
    newest ??= treeAfter(submissions.length)
    return newest
  }

  function treeAfter(count: number): FlowTree {
    return createFlowTree(
      submissions.slice(0, count).flatMap((entry) => placeNodes(entry.startEntry, entry.nodes)),
      hasher,
    )
  }

  async function treeOf(root: Uint8Array | undefined): Promise<FlowTree> {
    const tree = await catchUp()
    if (root === undefined || equalBytes(root, tree.root)) return tree
    for (let back = 1; back <= Math.min(ROOTS_BACK_MAX, submissions.length); back++) {
      const older = treeAfter(submissions.length - back)
      if (equalBytes(older.root, root)) return older
    }
    throw new ZerogError('NOT_FOUND', {
      message: `this is no root of the flow after one of its last ${ROOTS_BACK_MAX} submissions`,
    })
  }

  /** The segment of a file in which an entry of the flow lies; undefined in the padding of the file. */
  async function segmentAt(entry: number, signal: AbortSignal): Promise<{ segment: Segment | undefined; entryInFile: number }> {
    const submission = await repository.submissionAt(entry)
    const found = submission === undefined ? undefined : await deps.finder.find({ txSeq: submission.txSeq })
    if (found === undefined) throw noData(entry)
    const entryInFile = entry - found.submission.startEntry
    if (entryInFile * ENTRY_BYTES >= found.file.sizeBytes) return { segment: undefined, entryInFile }
    const segment = await deps.reader.segment(found.file, Math.floor(entryInFile / SEGMENT_ENTRIES), { signal })
    if (segment === undefined) throw noData(entry)
    return { segment, entryInFile }
  }

  /** Siblings of an entry inside its placed node, bottom to top. */
  async function insideNode(entry: number, node: PlacedNode, signal: AbortSignal) {
    const { segment, entryInFile } = await segmentAt(entry, signal)
    if (segment === undefined && node.height > SEGMENT_HEIGHT) throw noData(entry)
    const data = segment?.data ?? new Uint8Array(0)
    const entryInSegment = entryInFile % SEGMENT_ENTRIES
    const subtree = (level: number, index: number) => {
      const start = index * 2 ** level * ENTRY_BYTES
      return hasher.subtreeRoot(data.subarray(start, start + 2 ** level * ENTRY_BYTES), level)
    }
    const siblings: Uint8Array[] = []
    for (let level = 0; level < Math.min(node.height, SEGMENT_HEIGHT); level++) {
      const index = Math.floor(entryInSegment / 2 ** level)
      siblings.push(subtree(level, index % 2 === 0 ? index + 1 : index - 1))
    }
    // Above the segment the file's own proof goes on: the node is a perfect subtree of the file.
    for (let level = SEGMENT_HEIGHT; level < node.height; level++) {
      siblings.push(segment?.proof.lemma[level - SEGMENT_HEIGHT + 1] ?? zeroRoot(level))
    }
    return { leaf: subtree(0, entryInSegment), siblings }
  }

  async function bytesOf(index: number, tree: FlowTree, signal: AbortSignal): Promise<Uint8Array> {
    const out = new Uint8Array(SEGMENT_BYTES)
    const first = index * SEGMENT_ENTRIES
    for (let entry = Math.max(first, 1); entry < first + SEGMENT_ENTRIES; ) {
      const node = tree.nodeAt(entry)
      if (node === undefined) {
        entry++
        continue
      }
      const { segment, entryInFile } = await segmentAt(entry, signal)
      const within = entryInFile % SEGMENT_ENTRIES
      const count = Math.min(node.start + 2 ** node.height, first + SEGMENT_ENTRIES) - entry
      const bytes = segment?.data.subarray(within * ENTRY_BYTES, (within + count) * ENTRY_BYTES)
      if (bytes !== undefined) out.set(bytes, (entry - first) * ENTRY_BYTES)
      entry += count
    }
    return out
  }

  return {
    async context() {
      const tree = await catchUp()
      return { root: tree.root, length: tree.length }
    },
    async sectorProof(sector, root, signal) {
      const tree = await treeOf(root)
      if (sector >= tree.length) throw noData(sector)
      const node = tree.nodeAt(sector)
      if (node === undefined) return tree.proof(sector, { leaf: zeroRoot(0), siblings: [] })
      if (sector === 0) return tree.proof(0, { leaf: node.root, siblings: [] })
      return tree.proof(sector, await insideNode(sector, node, signal))
    },
    async segment(index, withData, signal) {
      const tree = await catchUp()
      const first = index * SEGMENT_ENTRIES
      if (first >= tree.length) return undefined
      const node = tree.nodeAt(first)
      const inside = node !== undefined && node.height > SEGMENT_HEIGHT
      const hash = inside
        ? ((await segmentAt(first, signal)).segment?.proof.lemma[0] ?? zeroRoot(SEGMENT_HEIGHT))
        : tree.subtree(SEGMENT_HEIGHT, index)
      return { hash, data: withData ? await bytesOf(index, tree, signal) : undefined }
    },
  }
}

function noData(entry: number): ZerogError {
  return new ZerogError('NOT_FOUND', {
    message: `the data of entry ${entry} is not stored here`,
    metadata: { entry: String(entry) },
  })
}
