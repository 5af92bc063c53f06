import { compareBytes, type Hex, toHex, ZerogError } from '@zerog/primitives'
import { keccak256 } from '../codec/keccak.ts'
import { rlpEncode, rlpInteger } from '../codec/rlp.ts'
import type { NodeSink } from './encode.ts'
import { decodeNode, type NodeRef } from './node.ts'
import { ABSENT, endAt, HASH, isBranch, isNode, nibbleAt, pathAt, payloadAt, sharedWithPath } from './packed.ts'
import { type NodeSource, type StaleSink, type TrieUpdate, updateTrie } from './update.ts'

export type { NodeSink } from './encode.ts'
export type { NodeSource, StaleSink, TrieUpdate } from './update.ts'

/** keccak256(rlp("")): the root of a trie without entries. */
export const EMPTY_ROOT = keccak256(Uint8Array.of(ABSENT))

/** The value of a key, or undefined. It lies in the memory of its node. */
export function trieGet(root: Uint8Array, key: Uint8Array, source: NodeSource): Uint8Array | undefined {
  return walkTo(root, key, source, ignore)
}

/**
 * Applies updates to the trie with this root and returns the new root. A synchronous batch: each touched path is encoded and
 * hashed once. Later updates of one key win. New nodes go to `sink`, the hashes of replaced ones to `stale`; nothing is removed here.
 */
export function trieUpdate(
  root: Uint8Array,
  updates: readonly TrieUpdate[],
  source: NodeSource,
  sink: NodeSink,
  stale: StaleSink = ignore,
): Uint8Array {
  if (updates.length === 0) return root
  const before = isEmptyRoot(root) ? null : root
  const after = updateTrie(before, updates, { source, sink, stale })
  return after === before ? root : (after ?? EMPTY_ROOT)
}

/** The encoded nodes on the way to a key, root first: proves its value, or that there is none (EIP-1186). */
export function trieProof(root: Uint8Array, key: Uint8Array, source: NodeSource): Uint8Array[] {
  const proof: Uint8Array[] = []
  // Embedded nodes are part of their parent's encoding.
  walkTo(root, key, source, (node) => void proof.push(node.slice()))
  return proof
}

/** Value of `key` under `root` according to a proof; undefined proves absence. Throws `RangeError` if the proof is not one. */
export function verifyTrieProof(root: Uint8Array, key: Uint8Array, proof: readonly Uint8Array[]): Uint8Array | undefined {
  const nodes = new Map(proof.map((encoded) => [toHex(keccak256(encoded)), encoded]))
  return trieGet(root, key, (bytes, at) => {
    const hash = toHex(bytes.subarray(at, at + 32))
    const encoded = nodes.get(hash)
    if (encoded === undefined) throw new RangeError(`the proof has no node ${hash}`)
    return checkedNode(encoded)
  })
}

/** Root of the trie that maps rlp(index) to each value: transactions and receipts of a block. */
export function listRoot(values: readonly Uint8Array[]): Hex {
  const updates = values.map((value, index) => ({ key: rlpEncode(rlpInteger(BigInt(index))), value }))
  return toHex(trieUpdate(EMPTY_ROOT, updates, noNodes, ignore))
}

/** The same bytes, if they are one node. Throws RECORD_CORRUPT: stored nodes are ours. */
export function checkedNode(encoded: Uint8Array): Uint8Array {
  if (isNode(encoded)) return encoded
  throw new ZerogError('RECORD_CORRUPT', { message: 'a stored trie node does not decode' })
}

/** Every entry below a root, in key order; for checks and exports, not for hot paths. */
export function* trieEntries(root: Uint8Array, source: NodeSource): Generator<readonly [path: Uint8Array, value: Uint8Array]> {
  if (!isEmptyRoot(root)) yield* walk(root, [], source)
}

function* walk(ref: NodeRef, prefix: readonly number[], source: NodeSource): Generator<readonly [Uint8Array, Uint8Array]> {
  const node = ref instanceof Uint8Array ? decodeNode(source(ref, 0)) : ref
  if (node.kind === 'leaf') {
    yield [Uint8Array.from([...prefix, ...node.path]), node.value]
  } else if (node.kind === 'extension') {
    yield* walk(node.child, [...prefix, ...node.path], source)
  } else {
    if (node.value !== null) yield [Uint8Array.from(prefix), node.value]
    for (const [nibble, child] of node.children.entries()) {
      if (child !== null) yield* walk(child, [...prefix, nibble], source)
    }
  }
}

/** Follows a key from the root; `visit` sees each node that is named by its hash. */
function walkTo(
  root: Uint8Array,
  key: Uint8Array,
  source: NodeSource,
  visit: (node: Uint8Array) => void,
): Uint8Array | undefined {
  if (isEmptyRoot(root)) return undefined
  let node = source(root, 0)
  let at = 0
  visit(node)
  for (let depth = 0; ; ) {
    let item: number
    if (isBranch(node, at)) {
      item = payloadAt(node, at)
      const nibble = 2 * key.length === depth ? 16 : nibbleAt(key, depth)
      for (let index = 0; index < nibble; index++) item = endAt(node, item)
      if (nibble === 16) return node[item] === ABSENT ? undefined : payloadOf(node, item)
      depth += 1
    } else {
      const { leaf, at: pathFrom, first, count, end } = pathAt(node, at)
      if (sharedWithPath(key, depth, node, pathFrom, first, count) !== count) return undefined
      depth += count
      if (leaf) return depth === 2 * key.length ? payloadOf(node, end) : undefined
      item = end
    }
    const head = node[item]
    if (head === ABSENT) return undefined
    at = item
    if (head !== HASH) continue
    node = source(node, item + 1)
    at = 0
    visit(node)
  }
}

function payloadOf(node: Uint8Array, item: number): Uint8Array {
  return node.subarray(payloadAt(node, item), endAt(node, item))
}

function isEmptyRoot(root: Uint8Array): boolean {
  return compareBytes(root, EMPTY_ROOT) === 0
}

function noNodes(): Uint8Array {
  throw new RangeError('an in-memory trie has no stored nodes')
}

function ignore(): void {}
