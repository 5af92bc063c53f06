import { crc32 } from 'node:zlib'
import type { Kv, KvWrite } from '@zerog/ports'
import { bigintToBytes, bytesToBigint, concatBytes, equalBytes, toHex, ZerogError } from '@zerog/primitives'
import { keccak256 } from '../codec/keccak.ts'
import { CODES_CACHED_MAX, TRIE_NODES_CACHED_MAX } from '../limits.ts'
import { decodeNode, type TrieNode } from '../trie/node.ts'
import { EMPTY_ROOT, type NodeSource } from '../trie/trie.ts'

/**
 * Tables of the state in a Kv. A node stands under its hash, one of a storage trie under keccak256(address) || hash, so that each trie
 * owns its nodes; the value is the height of the block that (last) made it as u48, the CRC-32 of that, and the node. A code stands
 * under its hash.
 */
export const NODE_TABLE = 'trie'
export const CODE_TABLE = 'code'
const HEIGHT_BYTES = 6
const BIRTH_BYTES = HEIGHT_BYTES + 4

/** Nodes and codes that a block adds, by latin-1 key; they become durable with the block's commit. */
export type StateAdditions = {
  readonly nodes: Map<string, Uint8Array>
  /** Keys of the nodes that it replaces. */
  readonly stale: string[]
  readonly codes: Map<string, Uint8Array>
}

export type NodeStore = {
  readonly node: NodeSource
  /** Nodes of the storage trie of an account; `owner` is the latin-1 of keccak256(address). */
  readonly nodesOf: (owner: string) => NodeSource
  /** Whether the state with this root is (still) there. */
  readonly has: (root: Uint8Array) => boolean
  readonly code: (hash: Uint8Array) => Uint8Array
  /** Makes additions readable before they are written; `forget` undoes it. */
  readonly announce: (additions: StateAdditions) => void
  readonly forget: (additions: StateAdditions) => void
  readonly cacheNode: (hash: Uint8Array, node: TrieNode) => void
  readonly writes: (additions: StateAdditions, height: bigint) => KvWrite[]
}

/** Content-addressed trie nodes and codes over a Kv, with bounded caches of decoded ones. */
export function createNodeStore(kv: Kv): NodeStore {
  const nodes = new Map<string, TrieNode>()
  const codes = new Map<string, Uint8Array>()
  const announced = new Set<StateAdditions>()

  const missing = (table: string, key: string): ZerogError => {
    const shown = toHex(fromLatin1(key))
    return new ZerogError('RECORD_CORRUPT', {
      message: `the state record ${table}/${shown} is missing: run \`zerog chain rebuild\` to replay it from the stored blocks`,
      metadata: { table, key: shown },
    })
  }
  const fresh = (kind: 'nodes' | 'codes', key: string): Uint8Array | undefined => {
    for (const additions of announced) {
      const found = additions[kind].get(key)
      if (found !== undefined) return found
    }
    return undefined
  }
  const readNode = (key: string): Uint8Array => {
    const stored = kv.get(NODE_TABLE, fromLatin1(key))
    if (stored === undefined) throw missing(NODE_TABLE, key)
    return nodeOfRecord(stored)
  }
  const readCode = (key: string): Uint8Array => {
    const stored = kv.get(CODE_TABLE, fromLatin1(key))
    if (stored === undefined) throw missing(CODE_TABLE, key)
    return stored
  }
  // Decoded nodes are told apart by their content, so tries share them here.
  const nodesOf =
    (owner: string): NodeSource =>
    (hash) => {
      const name = latin1(hash)
      const cached = nodes.get(name)
      if (cached !== undefined) return cached
      const key = owner + name
      const node = decodeNode(fresh('nodes', key) ?? readNode(key))
      remember(nodes, { key: name, value: node, max: TRIE_NODES_CACHED_MAX })
      return node
    }

  return {
    node: nodesOf(''),
    nodesOf,
    has: (root) => {
      if (fresh('nodes', latin1(root)) !== undefined || equalBytes(root, EMPTY_ROOT)) return true
      // A range, because a store that guards its state takes a missing node for damage.
      for (const _root of kv.range(NODE_TABLE, { from: root, to: concatBytes(root, Uint8Array.of(0)), limit: 1 })) return true
      return false
    },
    code: (hash) => {
      const name = latin1(hash)
      const cached = codes.get(name)
      if (cached !== undefined) return cached
      const code = fresh('codes', name) ?? readCode(name)
      remember(codes, { key: name, value: code, max: CODES_CACHED_MAX })
      return code
    },
    announce: (additions) => void announced.add(additions),
    forget: (additions) => void announced.delete(additions),
    cacheNode: (hash, node) => remember(nodes, { key: latin1(hash), value: node, max: TRIE_NODES_CACHED_MAX }),
    writes: (additions, height) => {
      const made = bigintToBytes(height, HEIGHT_BYTES)
      const birth = concatBytes(made, bigintToBytes(BigInt(crc32(made)), 4))
      return [
        ...[...additions.nodes].map(([key, node]) => ({
          table: NODE_TABLE,
          key: fromLatin1(key),
          value: concatBytes(birth, node),
        })),
        ...[...additions.codes].map(([key, value]) => ({ table: CODE_TABLE, key: fromLatin1(key), value })),
      ]
    },
  }
}

/** The node of a record of the table `trie`. */
export function nodeOfRecord(record: Uint8Array): Uint8Array {
  return record.subarray(BIRTH_BYTES)
}

/** Height of the block that last made the node of a record. Throws RECORD_CORRUPT: unlike the node it is not proven by the key. */
export function birthOfRecord(record: Uint8Array): bigint {
  const made = record.subarray(0, HEIGHT_BYTES)
  if (record.length > BIRTH_BYTES && BigInt(crc32(made)) === bytesToBigint(record.subarray(HEIGHT_BYTES, BIRTH_BYTES)))
    return bytesToBigint(made)
  throw new ZerogError('RECORD_CORRUPT', { message: 'the height of a stored trie node is damaged' })
}

/** The cheapest Map key for bytes: one UTF-16 unit per byte. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

export function fromLatin1(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'))
}

const hashed = new Map<string, Uint8Array>()

/** keccak256 of an address or slot; the last 100,000 are remembered. */
export function hashedKey(name: string): Uint8Array {
  const known = hashed.get(name)
  if (known !== undefined) return known
  const hash = keccak256(fromLatin1(name))
  remember(hashed, { key: name, value: hash, max: 100_000 })
  return hash
}

/** First in, first out: cheap, and the hot upper nodes come back with one read. */
function remember<T>(map: Map<string, T>, entry: { readonly key: string; readonly value: T; readonly max: number }): void {
  map.set(entry.key, entry.value)
  if (map.size <= entry.max) return
  const oldest = map.keys().next()
  if (oldest.done !== true) map.delete(oldest.value)
}
