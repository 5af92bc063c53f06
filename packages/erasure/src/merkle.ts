import { sha256, sha256Tree, TREE_LEAVES_MAX } from '@zerog/kernels'
import { HASH_BYTES, ROW_BYTES_MAX } from './limits.ts'

/** A perfect binary tree of SHA-256 in the shape of RFC 6962: leaf = H(0 ‖ bytes), node = H(1 ‖ left ‖ right). */
export type MerkleTree = {
  readonly root: Uint8Array
  /** Every hash, 32 bytes each: node i has children 2i and 2i + 1, the leaves begin at `count`, place 0 is unused. */
  readonly nodes: Uint8Array
  /** Sibling hashes from leaf to root, views. */
  path(index: number): Uint8Array[]
}

/** Checks paths of one tree whose root is known. What is proven once is compared later, not hashed again. */
export type ProvenTree = {
  /** Whether content and path lead to the root; every hash of the path counts. @param path siblings from leaf to root, one after the other */
  proves(content: Uint8Array, index: number, path: Uint8Array): boolean
}

// One-shot hashing wants prefix and content side by side; nothing here is asynchronous, so one buffer serves all.
// Content begins at a multiple of 8: rows often come out of shared memory, from where V8 copies to odd addresses byte by byte.
const leafInput = new Uint8Array(new ArrayBuffer(8 + ROW_BYTES_MAX), 7)
const nodeInput = new Uint8Array(1 + 2 * HASH_BYTES).fill(1, 0, 1)

/**
 * @param leaf contents of each leaf, at most 32,768 bytes
 * @param count of leaves, a power of two
 */
export function merkleTree(count: number, leaf: (index: number) => Uint8Array): MerkleTree {
  // Node i has children 2i and 2i + 1; leaves start at `count`.
  const nodes = new Uint8Array(2 * count * HASH_BYTES)
  hashLeaves({ nodes, count }, leaf, { first: 0, count })
  fillTree(nodes, count)
  return { root: rootIn(nodes), nodes, path: (index) => pathIn(nodes, count, index) }
}

/** Hashes of the leaves of `range` into the nodes of a tree with `count` leaves. */
export function hashLeaves(
  { nodes, count }: { readonly nodes: Uint8Array; readonly count: number },
  leaf: (index: number) => Uint8Array,
  range: { readonly first: number; readonly count: number },
): void {
  for (let index = range.first; index < range.first + range.count; index++)
    nodes.set(leafHash(leaf(index)), (count + index) * HASH_BYTES)
}

/** All inner nodes from the hashes of the leaves. */
export function fillTree(nodes: Uint8Array, count: number): void {
  if (count <= TREE_LEAVES_MAX) sha256Tree(nodes, count)
  else {
    for (let index = count - 1; index >= 1; index--) {
      nodes.set(nodeHash(nodeAt(nodes, 2 * index), nodeAt(nodes, 2 * index + 1)), index * HASH_BYTES)
    }
  }
}

/** A copy. */
export function rootIn(nodes: Uint8Array): Uint8Array {
  return new Uint8Array(nodeAt(nodes, 1))
}

/** Sibling hashes from leaf to root out of the nodes of a tree with `count` leaves, views. */
export function pathIn(nodes: Uint8Array, count: number, index: number): Uint8Array[] {
  const siblings: Uint8Array[] = []
  for (let place = count + index; place > 1; place >>= 1) siblings.push(nodeAt(nodes, place ^ 1))
  return siblings
}

/** The root to which `path` leads from a leaf's content. Nothing is checked here: compare the root. */
export function foldPath(content: Uint8Array, index: number, path: readonly Uint8Array[]): Uint8Array {
  let current = leafHash(content)
  let place = index
  for (const sibling of path) {
    current = parentOf(current, sibling, place)
    place >>= 1
  }
  return current
}

/** @param count of leaves, a power of two; memory: 64 bytes per leaf */
export function provenTree(root: Uint8Array, count: number): ProvenTree {
  const nodes = new Uint8Array(2 * count * HASH_BYTES)
  // A proven node's sibling is proven too, and so are all above: what is known is closed towards the root.
  const known = new Uint8Array(2 * count)
  nodes.set(root, HASH_BYTES)
  known[1] = 1
  const isNode = (place: number, hashes: Uint8Array, from = 0): boolean => {
    const to = place * HASH_BYTES
    for (let at = 0; at < HASH_BYTES; at++) if (nodes[to + at] !== hashes[from + at]) return false
    return true
  }
  return {
    proves(content, index, path) {
      const climbed: Uint8Array[] = []
      let current = leafHash(content)
      let place = count + index
      for (; known[place] !== 1; place >>= 1) {
        // Its length was checked: it ends at the root, which is known.
        const sibling = nodeAt(path, climbed.length)
        climbed.push(current)
        current = parentOf(current, sibling, place)
      }
      if (!isNode(place, current)) return false
      for (let from = climbed.length * HASH_BYTES; from < path.length; from += HASH_BYTES, place >>= 1) {
        if (!isNode(place ^ 1, path, from)) return false
      }
      for (const [level, hash] of climbed.entries()) {
        const at = (count + index) >> level
        nodes.set(hash, at * HASH_BYTES)
        nodes.set(nodeAt(path, level), (at ^ 1) * HASH_BYTES)
        known[at] = 1
        known[at ^ 1] = 1
      }
      return true
    },
  }
}

function nodeAt(nodes: Uint8Array, place: number): Uint8Array {
  return nodes.subarray(place * HASH_BYTES, (place + 1) * HASH_BYTES)
}

function parentOf(current: Uint8Array, sibling: Uint8Array, place: number): Uint8Array {
  return place % 2 === 0 ? nodeHash(current, sibling) : nodeHash(sibling, current)
}

function leafHash(content: Uint8Array): Uint8Array {
  leafInput.set(content, 1)
  return sha256(leafInput.subarray(0, 1 + content.length))
}

function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  nodeInput.set(left, 1)
  nodeInput.set(right, 1 + HASH_BYTES)
  return sha256(nodeInput)
}
