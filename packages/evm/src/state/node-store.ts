import type { Kv, KvWrite } from '@zerog/ports'
import { toHex, ZerogError } from '@zerog/primitives'
import { keccak256 } from '../codec/keccak.ts'
import { CODES_CACHED_MAX, TRIE_NODES_CACHED_MAX } from '../limits.ts'
import { decodeNode, type TrieNode } from '../trie/node.ts'

/** Tables of the state in a Kv: keys are hashes of what they hold, so a record never changes. */
export const NODE_TABLE = 'trie'
export const CODE_TABLE = 'code'

/** Nodes and codes that a block adds, by latin-1 hash; they become durable with the block's commit. */
export type StateAdditions = {
  readonly nodes: Map<string, Uint8Array>
  readonly codes: Map<string, Uint8Array>
}

export type NodeStore = {
  readonly node: (hash: Uint8Array) => TrieNode
  readonly code: (hash: Uint8Array) => Uint8Array
  /** Makes additions readable before they are written; `forget` undoes it. */
  readonly announce: (additions: StateAdditions) => void
  readonly forget: (additions: StateAdditions) => void
  readonly cacheNode: (hash: Uint8Array, node: TrieNode) => void
  readonly writes: (additions: StateAdditions) => KvWrite[]
}

/** Content-addressed trie nodes and codes over a Kv, with bounded caches of decoded ones. */
export function createNodeStore(kv: Kv): NodeStore {
  const nodes = new Map<string, TrieNode>()
  const codes = new Map<string, Uint8Array>()
  const announced = new Set<StateAdditions>()

  const missing = (table: string, hash: Uint8Array): ZerogError =>
    new ZerogError('RECORD_CORRUPT', {
      message: `the state record ${table}/${toHex(hash)} is missing: run \`zerog chain rebuild\` to replay it from the stored blocks`,
      metadata: { table, key: toHex(hash) },
    })
  const find = (kind: keyof StateAdditions, table: string, hash: Uint8Array): Uint8Array => {
    const name = latin1(hash)
    for (const additions of announced) {
      const fresh = additions[kind].get(name)
      if (fresh !== undefined) return fresh
    }
    const stored = kv.get(table, hash)
    if (stored === undefined) throw missing(table, hash)
    return stored
  }

  return {
    node: (hash) => {
      const name = latin1(hash)
      const cached = nodes.get(name)
      if (cached !== undefined) return cached
      const node = decodeNode(find('nodes', NODE_TABLE, hash))
      remember(nodes, { key: name, value: node, max: TRIE_NODES_CACHED_MAX })
      return node
    },
    code: (hash) => {
      const name = latin1(hash)
      const cached = codes.get(name)
      if (cached !== undefined) return cached
      const code = find('codes', CODE_TABLE, hash)
      remember(codes, { key: name, value: code, max: CODES_CACHED_MAX })
      return code
    },
    announce: (additions) => void announced.add(additions),
    forget: (additions) => void announced.delete(additions),
    cacheNode: (hash, node) => remember(nodes, { key: latin1(hash), value: node, max: TRIE_NODES_CACHED_MAX }),
    writes: (additions) => [
      ...[...additions.nodes].map(([name, value]) => ({ table: NODE_TABLE, key: fromLatin1(name), value })),
      ...[...additions.codes].map(([name, value]) => ({ table: CODE_TABLE, key: fromLatin1(name), value })),
    ],
  }
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
