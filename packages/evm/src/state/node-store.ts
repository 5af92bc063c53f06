import { crc32 } from 'node:zlib'
import { keccakScratch } from '@zerog/kernels'
import type { Kv, KvWrite } from '@zerog/ports'
import { bigintToBytes, bytesToBigint, concatBytes, equalBytes, toHex, ZerogError } from '@zerog/primitives'
import { CODES_CACHED_MAX, KEYS_HASHED_MAX } from '../limits.ts'
import type { NodeSink } from '../trie/encode.ts'
import { checkedNode, EMPTY_ROOT, type NodeSource } from '../trie/trie.ts'
import { BIRTH_BYTES, createNodeCache, HASH_BYTES, type Placed } from './node-cache.ts'

/**
 * Tables of the state in a Kv. A node stands under its hash, one of a storage trie under keccak256(address) || hash, so that each trie
 * owns its nodes; the value is the height of the block that (last) made it as u48, the CRC-32 of that, and the node. A code stands
 * under its hash.
 */
export const NODE_TABLE = 'trie'
export const CODE_TABLE = 'code'
const HEIGHT_BYTES = 6

/** Nodes and codes that a block adds; they become durable with the block's commit. */
export type StateAdditions = {
  /** Root of the accounts afterwards. */
  root: Uint8Array
  readonly nodes: NewNode[]
  /** Keys of the nodes that it replaces: those of accounts, then, with their owners, those of storage. */
  readonly staleAccounts: Uint8Array[]
  readonly staleSlots: Uint8Array[]
  /** By latin-1 hash. */
  readonly codes: Map<string, Uint8Array>
}

type NewNode = Placed & { readonly owner: Uint8Array | null }

export type NodeStore = {
  readonly node: NodeSource
  /** Nodes of the storage trie of an account; `owner` is keccak256(address). */
  readonly nodesOf: (owner: Uint8Array) => NodeSource
  /** Takes the nodes that an update of the accounts (null) or of one account's storage makes. */
  readonly sinkOf: (owner: Uint8Array | null, additions: StateAdditions) => NodeSink
  /** Whether the state with this root is (still) there. */
  readonly has: (root: Uint8Array) => boolean
  readonly code: (hash: Uint8Array) => Uint8Array
  /** Makes additions readable before they are written; `forget` undoes it. */
  readonly announce: (additions: StateAdditions) => void
  readonly forget: (additions: StateAdditions) => void
  readonly writes: (additions: StateAdditions, height: bigint) => KvWrite[]
}

/** Content-addressed trie nodes and codes over a Kv, with bounded caches. */
export function createNodeStore(kv: Kv): NodeStore {
  const cache = createNodeCache()
  const codes = createMemory<Uint8Array>(CODES_CACHED_MAX)
  /** With their nodes by latin-1 key, made when one of them is not in the cache any more. */
  const announced = new Map<StateAdditions, Map<string, Uint8Array> | undefined>()

  const missing = (table: string, key: Uint8Array): ZerogError =>
    new ZerogError('RECORD_CORRUPT', {
      message: `the state record ${table}/${toHex(key)} is missing: run \`zerog chain rebuild\` to replay it from the stored blocks`,
      metadata: { table, key: toHex(key) },
    })
  const freshNode = (key: Uint8Array): Uint8Array | undefined => {
    const name = latin1(key)
    for (const [additions, known] of announced) {
      const nodes = known ?? new Map(additions.nodes.map((node) => [latin1(keyOf(node)), recordOf(node)]))
      if (known === undefined) announced.set(additions, nodes)
      const record = nodes.get(name)
      if (record !== undefined) return nodeOfRecord(record)
    }
    return undefined
  }
  const readNode = (key: Uint8Array): Uint8Array => {
    const stored = kv.get(NODE_TABLE, key)
    if (stored === undefined) throw missing(NODE_TABLE, key)
    return checkedNode(nodeOfRecord(stored))
  }
  // Nodes are told apart by their content, so tries share them in the cache.
  const sourceOf =
    (owner: Uint8Array | null): NodeSource =>
    (bytes, at) => {
      const cached = cache.get(bytes, at)
      if (cached !== undefined) return cached
      const hash = bytes.subarray(at, at + HASH_BYTES)
      const key = owner === null ? hash.slice() : concatBytes(owner, hash)
      const node = freshNode(key) ?? readNode(key)
      cache.put(bytes, at, node, 0, node.length)
      return node
    }

  return {
    node: sourceOf(null),
    nodesOf: sourceOf,
    sinkOf: (owner, additions) => (hash, hashAt, encoded, from, to) => {
      const { chunk, at, end } = cache.put(hash, hashAt, encoded, from, to)
      additions.nodes.push({ owner, chunk, at, end })
    },
    has: (root) => {
      if (equalBytes(root, EMPTY_ROOT)) return true
      for (const additions of announced.keys()) if (equalBytes(additions.root, root)) return true
      // A range, because a store that guards its state takes a missing node for damage.
      for (const _root of kv.range(NODE_TABLE, { from: root, to: concatBytes(root, Uint8Array.of(0)), limit: 1 })) return true
      return false
    },
    code: (hash) => {
      const name = latin1(hash)
      const cached = codes.get(name)
      if (cached !== undefined) return cached
      let code: Uint8Array | undefined
      for (const additions of announced.keys()) code ??= additions.codes.get(name)
      code ??= kv.get(CODE_TABLE, hash)
      if (code === undefined) throw missing(CODE_TABLE, hash)
      codes.set(name, code)
      return code
    },
    announce: (additions) => void announced.set(additions, undefined),
    forget: (additions) => void announced.delete(additions),
    writes: (additions, height) => {
      const made = bigintToBytes(height, HEIGHT_BYTES)
      const birth = concatBytes(made, bigintToBytes(BigInt(crc32(made)), 4))
      const writes: KvWrite[] = []
      for (const node of additions.nodes) {
        node.chunk.set(birth, node.at + HASH_BYTES)
        writes.push({ table: NODE_TABLE, key: keyOf(node), value: recordOf(node) })
      }
      for (const [key, value] of additions.codes) writes.push({ table: CODE_TABLE, key: fromLatin1(key), value })
      return writes
    },
  }
}

function keyOf({ owner, chunk, at }: NewNode): Uint8Array {
  const hash = chunk.subarray(at, at + HASH_BYTES)
  return owner === null ? hash : concatBytes(owner, hash)
}

/** The node behind the place for its birth. */
function recordOf({ chunk, at, end }: NewNode): Uint8Array {
  return chunk.subarray(at + HASH_BYTES, end)
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

const hashed = createMemory<Uint8Array>(KEYS_HASHED_MAX)

/** keccak256 of an address or slot, given in latin-1. The last ones are remembered. */
export function hashedKey(name: string): Uint8Array {
  const known = hashed.get(name)
  if (known !== undefined) return known
  const { bytes, from, digest } = keccakScratch()
  for (let index = 0; index < name.length; index++) bytes[from + index] = name.charCodeAt(index)
  const hash = new Uint8Array(HASH_BYTES)
  digest(name.length, hash, 0)
  hashed.set(name, hash)
  return hash
}

/**
 * A Map that forgets what was not used for a while: between `max / 2` and `max` entries. Two generations, because a Map whose first entry is
 * deleted again and again walks over the gaps each time.
 */
function createMemory<T>(max: number) {
  let young = new Map<string, T>()
  let old = new Map<string, T>()
  const set = (key: string, value: T): void => {
    young.set(key, value)
    if (young.size <= max / 2) return
    old = young
    young = new Map()
  }
  return {
    set,
    get: (key: string): T | undefined => {
      const found = young.get(key)
      if (found !== undefined) return found
      const aged = old.get(key)
      if (aged !== undefined) set(key, aged)
      return aged
    },
  }
}
