import { describe, expect, test } from '@jest/globals'
import { equalBytes, hashPair, referenceHasher, type SegmentProof, zeroRoot } from '@zerog/primitives'
import fc from 'fast-check'
import { createFlowTree, type PlacedNode, placeNodes } from './flow-tree.ts'

/** The whole tree, entry by entry. */
function naiveRoot(leaves: readonly Uint8Array[], height: number): Uint8Array {
  let level = [...leaves]
  for (let at = 0; at < height; at++) {
    level = Array.from({ length: Math.ceil(level.length / 2) }, (_, index) =>
      hashPair(referenceHasher, level[index * 2] as Uint8Array, level[index * 2 + 1] ?? zeroRoot(at)),
    )
  }
  return level[0] as Uint8Array
}

function holds(proof: SegmentProof, root: Uint8Array): boolean {
  let node = proof.lemma[0] as Uint8Array
  for (const [step, isLeft] of proof.path.entries()) {
    const sibling = proof.lemma[step + 1] as Uint8Array
    node = isLeft ? hashPair(referenceHasher, node, sibling) : hashPair(referenceHasher, sibling, node)
  }
  return equalBytes(node, root) && equalBytes(proof.lemma.at(-1) as Uint8Array, root)
}

const entry = (byte: number) => referenceHasher.keccak256(new Uint8Array(256).fill(byte))

describe('the flow tree', () => {
  test('is the tree over all entries: 32 zero bytes first, zero entries in the gaps', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 8 }), (heights) => {
        let length = 1
        const leaves: Uint8Array[] = [new Uint8Array(32)]
        const placed: PlacedNode[] = []
        for (const [index, height] of heights.entries()) {
          const own = Array.from({ length: 2 ** height }, () => entry(index + 1))
          const [node] = placeNodes(length, [{ height, root: naiveRoot(own, height) }]) as [PlacedNode]
          while (leaves.length < node.start) leaves.push(zeroRoot(0))
          leaves.push(...own)
          placed.push(node)
          length = leaves.length
        }
        const tree = createFlowTree(placed, referenceHasher)
        expect(tree.length).toBe(leaves.length)
        expect(tree.root).toEqual(naiveRoot(leaves, tree.height))
        for (const node of placed) {
          const siblings = Array.from({ length: node.height }, (_, level) =>
            naiveRoot(leaves.slice(node.start, node.start + 2 ** level), level),
          )
          expect(holds(tree.proof(node.start, { leaf: leaves[node.start] as Uint8Array, siblings }), tree.root)).toBe(true)
        }
      }),
      { numRuns: 50 },
    )
  })
})
