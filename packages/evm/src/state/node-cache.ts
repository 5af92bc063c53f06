import { assert } from '@zerog/primitives'
import { NODE_CHUNK_BYTES, NODES_CACHED_BYTES_MAX, NODES_CACHED_MAX } from '../limits.ts'
import { endAt } from '../trie/packed.ts'

/** Before a cached node stand its hash and room for what the store keeps beside it. */
export const HASH_BYTES = 32
export const BIRTH_BYTES = 10
const HEAD_BYTES = HASH_BYTES + BIRTH_BYTES

/** Places for a hash, one line of the processor's cache; the youngest nodes of those that fall together stay. */
const WAYS = 8
/** Values of the byte of a hash that stands beside the position: only one in 256 other nodes is looked at. */
const TAGS = 256
const TAG_AT = 3
/** The index grows from here to NODES_CACHED_MAX: a state test needs no more. */
const PLACES_FIRST = 2 ** 10
const CHUNKS_MAX = NODES_CACHED_BYTES_MAX / NODE_CHUNK_BYTES

/** Where a node was put: `chunk[at ..]` is its hash, then BIRTH_BYTES, then the node up to `end`. */
export type Placed = { readonly chunk: Uint8Array; readonly at: number; readonly end: number }

/**
 * Encoded trie nodes by their hashes, one behind the other in large pieces of memory: no object per node, so nothing for the garbage
 * collector to look at, and a bound in bytes. The oldest piece is dropped when all are full; what was read from it shortly before is copied to the
 * front, so that nodes in use stay. Chunks are never overwritten: who holds one may read on.
 */
export function createNodeCache() {
  /** (position + 1) * TAGS + tag, positions counted in bytes since the beginning; 0 is free. */
  let index = new Float64Array(PLACES_FIRST)
  let puts = 0
  const chunks: Uint8Array[] = []
  /** Number of chunks[0]. */
  let first = 0
  let used = NODE_CHUNK_BYTES

  const room = (bytes: number): Uint8Array => {
    assert(bytes <= NODE_CHUNK_BYTES, 'a trie node of the state is small')
    if (used + bytes > NODE_CHUNK_BYTES) {
      chunks.push(new Uint8Array(NODE_CHUNK_BYTES))
      used = 0
      if (chunks.length > CHUNKS_MAX) {
        chunks.shift()
        first += 1
      }
    }
    return chunks[chunks.length - 1] as Uint8Array
  }

  const put = (hash: Uint8Array, hashAt: number, encoded: Uint8Array, from: number, to: number): Placed => {
    const chunk = room(HEAD_BYTES + to - from)
    const at = used
    used += HEAD_BYTES + to - from
    for (let byte = 0; byte < HASH_BYTES; byte++) chunk[at + byte] = hash[hashAt + byte] as number
    chunk.set(encoded.subarray(from, to), at + HEAD_BYTES)
    puts += 1
    if (puts > index.length / 2 && index.length < NODES_CACHED_MAX) grow()
    const position = (first + chunks.length - 1) * NODE_CHUNK_BYTES + at
    enter(hash, hashAt, (position + 1) * TAGS + (hash[hashAt + TAG_AT] as number))
    return { chunk, at, end: used }
  }

  const enter = (hash: Uint8Array, hashAt: number, entry: number): void => {
    const set = setOf(hash, hashAt)
    let place = set
    for (let way = set; way < set + WAYS; way++) if ((index[way] as number) < (index[place] as number)) place = way
    index[place] = entry
  }

  const grow = (): void => {
    const before = index
    index = new Float64Array(4 * before.length)
    for (const entry of before) {
      const position = Math.floor(entry / TAGS) - 1
      const number = Math.floor(position / NODE_CHUNK_BYTES)
      if (number >= first) enter(chunks[number - first] as Uint8Array, position - number * NODE_CHUNK_BYTES, entry)
    }
  }

  const setOf = (hash: Uint8Array, at: number): number => {
    const number = ((hash[at] as number) << 16) | ((hash[at + 1] as number) << 8) | (hash[at + 2] as number)
    return (number * WAYS) & (index.length - WAYS)
  }

  return {
    put,
    /** The node whose hash is `bytes[at .. at + 32]`. */
    get: (bytes: Uint8Array, at: number): Uint8Array | undefined => {
      const set = setOf(bytes, at)
      const tag = bytes[at + TAG_AT] as number
      for (let way = set; way < set + WAYS; way++) {
        const entry = index[way] as number
        if (entry % TAGS !== tag) continue
        const position = Math.floor(entry / TAGS) - 1
        const number = Math.floor(position / NODE_CHUNK_BYTES)
        if (number < first) continue
        const chunk = chunks[number - first] as Uint8Array
        const hashAt = position - number * NODE_CHUNK_BYTES
        if (!sameHash(chunk, hashAt, bytes, at)) continue
        const from = hashAt + HEAD_BYTES
        const node = chunk.subarray(from, endAt(chunk, from))
        if (number - first < chunks.length - (CHUNKS_MAX * 3) / 4) {
          index[way] = 0
          put(bytes, at, node, 0, node.length)
        }
        return node
      }
      return undefined
    },
  }
}

function sameHash(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): boolean {
  // From the end: the beginning chose the set.
  for (let byte = HASH_BYTES - 1; byte >= 0; byte--) if (a[aAt + byte] !== b[bAt + byte]) return false
  return true
}
