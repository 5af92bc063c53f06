import { keccak_256 } from '@noble/hashes/sha3.js'
import { assert } from '../assert.ts'
import { ENTRY_BYTES } from './layout.ts'

/** What a tree needs of Keccak-256. Leaves and inner nodes are hashed alike, without domain separation: 0G's rule. */
export interface TreeHasher {
  keccak256(bytes: Uint8Array): Uint8Array
  /**
   * Root of the perfect tree over `2 ** height` entries of 256 bytes (height 0 to 10). `data` are its first bytes, at most
   * `2 ** height * 256`; the rest is zero.
   */
  subtreeRoot(data: Uint8Array, height: number): Uint8Array
}

const HEIGHT_MAX = 64
const zeroRoots: Uint8Array[] = []

/** Root of the perfect tree over `2 ** height` zero entries (0G's `zeros(height)`), height 0 to 64. */
export function zeroRoot(height: number): Uint8Array {
  assert(height >= 0 && height <= HEIGHT_MAX, `no zero subtree of height ${height}`)
  for (let known = zeroRoots.length; known <= height; known++) {
    const below = zeroRoots[known - 1]
    zeroRoots.push(below === undefined ? keccak_256(new Uint8Array(ENTRY_BYTES)) : hashPair(referenceHasher, below, below))
  }
  return zeroRoots[height] as Uint8Array // filled by the loop
}

export function hashPair(hasher: Pick<TreeHasher, 'keccak256'>, left: Uint8Array, right: Uint8Array): Uint8Array {
  const pair = new Uint8Array(64)
  pair.set(left, 0)
  pair.set(right, 32)
  return hasher.keccak256(pair)
}

/** Plain and slow (about 7 MB/s): the oracle of faster ones. */
export const referenceHasher: TreeHasher = {
  keccak256: (bytes) => keccak_256(bytes),
  subtreeRoot(data, height) {
    assert(data.length <= 2 ** height * ENTRY_BYTES, `${data.length} bytes exceed a subtree of height ${height}`)
    let nodes: Uint8Array[] = []
    for (let offset = 0; offset < data.length; offset += ENTRY_BYTES) {
      const entry = new Uint8Array(ENTRY_BYTES)
      entry.set(data.subarray(offset, offset + ENTRY_BYTES))
      nodes.push(keccak_256(entry))
    }
    for (let level = 0; level < height; level++) {
      const parents: Uint8Array[] = []
      for (let index = 0; index < nodes.length; index += 2) {
        parents.push(hashPair(referenceHasher, nodes[index] as Uint8Array, nodes[index + 1] ?? zeroRoot(level)))
      }
      nodes = parents
    }
    return nodes[0] ?? zeroRoot(height)
  },
}
