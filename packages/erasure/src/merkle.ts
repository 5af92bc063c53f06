import { sha256 } from '@zerog/kernels'
import { HASH_BYTES, ROW_BYTES_MAX } from './limits.ts'

/** A perfect binary tree of SHA-256 in the shape of RFC 6962: leaf = H(0 ‖ bytes), node = H(1 ‖ left ‖ right). */
export type MerkleTree = {
  readonly root: Uint8Array
  /** Sibling hashes from leaf to root. */
  path(index: number): Uint8Array[]
}

// One-shot hashing wants prefix and content side by side; nothing here is asynchronous, so one buffer serves all.
const leafInput = new Uint8Array(1 + ROW_BYTES_MAX)
const nodeInput = new Uint8Array(1 + 2 * HASH_BYTES).fill(1, 0, 1)

/** @param leaf contents of each leaf, at most 32,768 bytes; `count` is a power of two */
export function merkleTree(count: number, leaf: (index: number) => Uint8Array): MerkleTree {
  // Node i has children 2i and 2i + 1; leaves start at `count`.
  const nodes: Uint8Array[] = new Array(2 * count)
  for (let index = 0; index < count; index++) nodes[count + index] = leafHash(leaf(index))
  for (let index = count - 1; index >= 1; index--) {
    nodes[index] = nodeHash(nodes[2 * index] as Uint8Array, nodes[2 * index + 1] as Uint8Array)
  }
  return {
    root: nodes[1] as Uint8Array, // count >= 1
    path(index) {
      const siblings: Uint8Array[] = []
      for (let place = count + index; place > 1; place >>= 1) siblings.push(nodes[place ^ 1] as Uint8Array)
      return siblings
    },
  }
}

/** The root to which `path` leads from a leaf's content. Nothing is checked here: compare the root. */
export function foldPath(content: Uint8Array, index: number, path: readonly Uint8Array[]): Uint8Array {
  let current = leafHash(content)
  let place = index
  for (const sibling of path) {
    current = place % 2 === 0 ? nodeHash(current, sibling) : nodeHash(sibling, current)
    place >>= 1
  }
  return current
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
