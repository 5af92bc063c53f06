import { hashPair, type SegmentProof, type SubtreeNode, type TreeHasher, zeroRoot } from '@zerog/primitives'

/** A subtree of the flow: entries [start, start + 2^height). */
export type PlacedNode = SubtreeNode & { readonly start: number }

/** Where the nodes of a submission lie: each at the next multiple of its own size (FlowTreeLib.insertNode). */
export function placeNodes(startEntry: number, nodes: readonly SubtreeNode[]): PlacedNode[] {
  let next = startEntry
  return nodes.map((node) => {
    const start = Math.ceil(next / 2 ** node.height) * 2 ** node.height
    next = start + 2 ** node.height
    return { ...node, start }
  })
}

/**
 * The flow tree: perfect, as high as its length needs, entry 0 is 32 zero bytes by itself (not the hash of an entry), every gap and the
 * tail are zero entries (FlowTreeLib.sol). Nodes come in order of their start.
 */
export type FlowTree = {
  /** Entries, gaps included. */
  readonly length: number
  readonly height: number
  readonly root: Uint8Array
  /** Root of the aligned subtree [index * 2^height, ...); zero subtrees beyond the end. */
  subtree(height: number, index: number): Uint8Array
  /** The placed node that contains an entry. */
  nodeAt(entry: number): PlacedNode | undefined
  /**
   * Proof of an entry. `below` proves it inside its node: the siblings bottom to top (empty where the node is the entry, or a gap).
   */
  proof(entry: number, below: { readonly leaf: Uint8Array; readonly siblings: readonly Uint8Array[] }): SegmentProof
}

const FIRST_LEAF = new Uint8Array(32)

export function createFlowTree(placed: readonly PlacedNode[], hasher: TreeHasher): FlowTree {
  const nodes: PlacedNode[] = [{ start: 0, height: 0, root: FIRST_LEAF }, ...placed]
  const last = nodes.at(-1) as PlacedNode // there is the first leaf
  const length = last.start + 2 ** last.height
  const height = Math.ceil(Math.log2(length))
  const known = new Map<string, Uint8Array>()

  /** Position of the last node that starts at or before `entry`. */
  function indexAt(entry: number): number {
    let low = 0
    let high = nodes.length - 1
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if ((nodes[middle] as PlacedNode).start <= entry) low = middle
      else high = middle - 1
    }
    return low
  }

  function nodeAt(entry: number): PlacedNode | undefined {
    const node = nodes[indexAt(entry)] as PlacedNode // 0 at least
    return entry < node.start + 2 ** node.height ? node : undefined
  }

  function subtree(level: number, index: number): Uint8Array {
    const start = index * 2 ** level
    const end = start + 2 ** level
    const at = indexAt(start)
    const node = nodes[at] as PlacedNode // 0 at least
    if (node.start === start && node.height === level) return node.root
    const covers = start < node.start + 2 ** node.height
    const nextStart = nodes[at + 1]?.start ?? Number.POSITIVE_INFINITY
    if (!covers && nextStart >= end) return zeroRoot(level)
    const key = `${level}:${index}`
    const cached = known.get(key)
    if (cached !== undefined) return cached
    const root = hashPair(hasher, subtree(level - 1, index * 2), subtree(level - 1, index * 2 + 1))
    known.set(key, root)
    return root
  }

  const root = subtree(height, 0)
  return {
    length,
    height,
    root,
    subtree,
    nodeAt,
    proof(entry, below) {
      const siblings = [...below.siblings]
      for (let level = siblings.length; level < height; level++) {
        const index = Math.floor(entry / 2 ** level)
        siblings.push(subtree(level, index % 2 === 0 ? index + 1 : index - 1))
      }
      const path = siblings.map((_, level) => Math.floor(entry / 2 ** level) % 2 === 0)
      return { lemma: height === 0 ? [root] : [below.leaf, ...siblings, root], path }
    },
  }
}
