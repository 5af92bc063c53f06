import { expect, test } from '@jest/globals'
import { keccak256 } from '../codec/keccak.ts'
import { rlpEncode } from '../codec/rlp.ts'
import { NODES_CACHED_BYTES_MAX } from '../limits.ts'
import { createNodeCache } from './node-cache.ts'

/** A leaf of about 500 bytes, so that the memory is full before the index. */
function leaf(number: number): Uint8Array {
  const value = new Uint8Array(450).fill(number & 0xff)
  new DataView(value.buffer).setUint32(0, number)
  return rlpEncode([Uint8Array.of(0x20, 0x01), value])
}

test('the cache gives back what was put, forgets the oldest beyond its bound, and keeps what is read', () => {
  const cache = createNodeCache()
  const get = (number: number): Uint8Array | undefined => cache.get(keccak256(leaf(number)), 0)
  const put = (number: number): void => {
    const node = leaf(number)
    cache.put(keccak256(node), 0, node, 0, node.length)
  }
  const fits = Math.floor(NODES_CACHED_BYTES_MAX / (leaf(0).length + 42))
  expect(get(0)).toBeUndefined()
  const total = Math.floor(1.2 * fits)
  for (let number = 0; number < total; number++) {
    put(number)
    // Read now and then, this one is never old.
    if (number % 5_000 === 0) expect(get(0)).toEqual(leaf(0))
  }
  for (let number = total - 1_000; number < total; number++) expect(get(number)).toEqual(leaf(number))
  for (let number = 1; number < 1_000; number++) expect(get(number)).toBeUndefined()
})

test('a hash is looked for at any place of its bytes, and a near one is not taken for it', () => {
  const cache = createNodeCache()
  const node = leaf(7)
  const hash = keccak256(node)
  const placed = new Uint8Array(40)
  placed.set(hash, 5)
  cache.put(placed, 5, node, 0, node.length)
  expect(cache.get(placed, 5)).toEqual(node)
  for (let byte = 0; byte < 32; byte++) {
    const near = hash.slice()
    near[byte] = (near[byte] as number) ^ 1
    expect(cache.get(near, 0)).toBeUndefined()
  }
})
