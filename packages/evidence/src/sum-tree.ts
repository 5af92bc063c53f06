import { bigintToBytes, concatBytes, fromHex, type Hex, keccak256, toHex, ZerogError } from '@zerog/primitives'
import { SUM_MAX } from './limits.ts'

/** A hash and the sum of all amounts below it, in wei. */
export type SumNode = { readonly hash: Hex; readonly sum: bigint }

/** `path` are the siblings from the leaf up; a level on which the node has none (it is promoted) has no element. */
export type SumProof = { readonly index: number; readonly count: number; readonly path: readonly SumNode[] }

export type SumTree = { readonly root: SumNode; readonly count: number; prove(index: number): SumProof }

/**
 * Merkle-sum tree over at least one leaf, in order: node = keccak256(tag ‖ left hash ‖ u128 left sum ‖ right hash ‖ u128 right
 * sum), its sum the sum of both; an odd node is promoted.
 * @throws ZerogError LIMIT_EXCEEDED where a sum exceeds 2^128 - 1
 */
export function createSumTree(leaves: readonly SumNode[], tag: number): SumTree {
  if (leaves.length === 0) throw new ZerogError('INVALID_ARGUMENT', { message: 'a sum tree has one leaf or more' })
  const levels: (readonly SumNode[])[] = [leaves]
  let top: readonly SumNode[] = leaves
  while (top.length > 1) {
    top = parents(top, tag)
    levels.push(top)
  }
  return {
    root: top[0] as SumNode,
    count: leaves.length,
    prove(index) {
      checkIndex(index, leaves.length)
      const path = levels.flatMap((level, height) => level[(index >>> height) ^ 1] ?? [])
      return { index, count: leaves.length, path }
    },
  }
}

/**
 * The root that a leaf and its proof give.
 * @throws ZerogError PROOF_INVALID where the proof has not the form of its index and count, or a sum overflows
 */
export function foldSumProof(leaf: SumNode, proof: SumProof, tag: number): SumNode {
  if (!Number.isSafeInteger(proof.index) || proof.index < 0 || proof.index >= proof.count) {
    throw wrong(`index ${proof.index} of ${proof.count} leaves`)
  }
  if (proof.path.length !== sumPathLength(proof.index, proof.count)) throw wrong('the path has another length than its place')
  let node = leaf
  let used = 0
  for (let index = proof.index, count = proof.count; count > 1; index >>>= 1, count = (count + 1) >>> 1) {
    if ((index ^ 1) >= count) continue
    const sibling = proof.path[used++] as SumNode
    if (sibling.sum < 0n || node.sum + sibling.sum > SUM_MAX) throw wrong('its sums exceed 128 bits')
    node = index % 2 === 0 ? parent(node, sibling, tag) : parent(sibling, node, tag)
  }
  return node
}

/** Siblings on the way from leaf `index` of `count` to the root. */
export function sumPathLength(index: number, count: number): number {
  let length = 0
  for (; count > 1; index >>>= 1, count = (count + 1) >>> 1) if ((index ^ 1) < count) length++
  return length
}

function parents(nodes: readonly SumNode[], tag: number): SumNode[] {
  const above: SumNode[] = []
  for (let index = 0; index < nodes.length; index += 2) {
    const left = nodes[index] as SumNode
    const right = nodes[index + 1]
    if (right === undefined) above.push(left)
    else if (left.sum + right.sum > SUM_MAX) {
      throw new ZerogError('LIMIT_EXCEEDED', { message: 'the sum of these fees exceeds 128 bits' })
    } else above.push(parent(left, right, tag))
  }
  return above
}

function parent(left: SumNode, right: SumNode, tag: number): SumNode {
  const hash = keccak256(
    concatBytes(
      Uint8Array.of(tag),
      fromHex(left.hash, 32),
      bigintToBytes(left.sum, 16),
      fromHex(right.hash, 32),
      bigintToBytes(right.sum, 16),
    ),
  )
  return { hash: toHex(hash), sum: left.sum + right.sum }
}

function checkIndex(index: number, count: number): void {
  if (Number.isInteger(index) && index >= 0 && index < count) return
  throw new ZerogError('INVALID_ARGUMENT', { message: `leaf ${index} of ${count} does not exist` })
}

function wrong(what: string): ZerogError {
  return new ZerogError('PROOF_INVALID', { message: `not a proof of a sum tree: ${what}` })
}
