import { equalBytes, keccak256 } from '@zerog/primitives'
import { PROOF_NODE_BYTES_MAX, PROOF_NODES_MAX } from './limits.ts'
import { bytesOf, decodeRlp, listOf, type RlpItem, refuse } from './rlp.ts'

/** Root of the trie without entries: Keccak-256 of the empty string's RLP. */
const EMPTY_ROOT = keccak256(Uint8Array.of(0x80))

/** An encoded node by its hash; undefined where there is none. What it gives is checked against the hash. */
export type LoadNode = (hash: Uint8Array) => Uint8Array | undefined

/**
 * The value that `root` binds to a 32-byte path, or undefined when the proof shows that there is none (Merkle-Patricia trie, yellow
 * paper, appendix D). `proof` holds exactly the encoded nodes on the path, root first. Throws PROOF_INVALID on everything else.
 */
export function verifyTrieProof(root: Uint8Array, path: Uint8Array, proof: readonly Uint8Array[]): Uint8Array | undefined {
  if (proof.length > PROOF_NODES_MAX) refuse(`${proof.length} nodes`)
  if (proof.length > 0 && equalBytes(root, EMPTY_ROOT)) refuse('the empty trie has no nodes')
  let used = 0
  const value = readTrie(root, path, () => proof[used++])
  if (used !== proof.length) refuse(`${proof.length - used} nodes lead nowhere`)
  return value
}

/** As `verifyTrieProof`, from nodes that several proofs share. Throws PROOF_INVALID. */
export function readTrie(root: Uint8Array, path: Uint8Array, loadNode: LoadNode): Uint8Array | undefined {
  if (equalBytes(root, EMPTY_ROOT)) return undefined
  const nibbles = nibblesOf(path)
  let used = 0
  const load = (hash: Uint8Array): RlpItem => {
    used += 1
    const encoded = loadNode(hash) ?? refuse(`node ${used} is missing`)
    if (encoded.length > PROOF_NODE_BYTES_MAX) refuse('a node is too long')
    if (!equalBytes(keccak256(encoded), hash)) refuse(`node ${used} does not have the hash that names it`)
    return decodeRlp(encoded)
  }
  return descend(load(root), nibbles, load)
}

function descend(root: RlpItem, nibbles: readonly number[], load: (hash: Uint8Array) => RlpItem): Uint8Array | undefined {
  let node = root
  let depth = 0
  for (;;) {
    if (node instanceof Uint8Array) return refuse('a node is not a list')
    let next: RlpItem | undefined
    if (node.length === 17) {
      // Paths all have one length, so no value ends at a branch.
      if (depth === nibbles.length || bytesOf(node[16], 'value of a branch').length > 0) refuse('a branch at the end of the path')
      next = node[nibbles[depth] as number]
      depth += 1
    } else {
      const [encoded, content] = listOf(node, 'node', 2)
      const { isLeaf, part } = readPath(bytesOf(encoded, 'path of a node'))
      const isOnPath = part.every((nibble, index) => nibble === nibbles[depth + index])
      if (isLeaf) {
        if (depth + part.length !== nibbles.length) refuse('a leaf has another depth than its key')
        return isOnPath ? nonEmpty(bytesOf(content, 'value of a leaf')) : undefined
      }
      if (part.length === 0 || depth + part.length >= nibbles.length) refuse('an extension has a wrong length')
      if (!isOnPath) return undefined
      next = content
      depth += part.length
    }
    if (next instanceof Uint8Array) {
      if (next.length === 0) return undefined
      node = load(bytesOf(next, 'reference', 32))
    } else node = next ?? refuse('a reference is missing')
  }
}

function nonEmpty(value: Uint8Array): Uint8Array {
  return value.length > 0 ? value : refuse('a leaf without a value')
}

/** Hex-prefix encoding (yellow paper, appendix C). */
function readPath(encoded: Uint8Array): { isLeaf: boolean; part: number[] } {
  const [flag, ...rest] = nibblesOf(encoded)
  if (flag === undefined || flag > 3) return refuse('a path has no valid prefix')
  const isOdd = (flag & 1) === 1
  if (!isOdd && rest[0] !== 0) refuse('a path is not padded with zero')
  return { isLeaf: flag >= 2, part: isOdd ? rest : rest.slice(1) }
}

function nibblesOf(bytes: Uint8Array): number[] {
  const nibbles: number[] = []
  for (const byte of bytes) nibbles.push(byte >> 4, byte & 15)
  return nibbles
}
