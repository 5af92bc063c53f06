import { expect, it } from '@jest/globals'
import { sha256 as reference } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { sha256 } from './sha256.ts'
import { sha256Counters, sha256Tree } from './sha256-batch.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const lcg = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, index) => (31 * index + (index >> 7) + 7) & 0xff)

it('the host and the reference give the same SHA-256, as an array whose slice copies', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => hex(sha256(bytes)) === hex(reference(bytes))))
  const first = sha256(lcg(1))
  first.slice().fill(0)
  expect(hex(first)).toBe(hex(reference(lcg(1))))
})

it('every node of a tree is the hash of its children, for every size', () => {
  for (let count = 1; count <= 16_384; count *= 2) {
    const nodes = new Uint8Array(2 * count * 32)
    const leaves = lcg(count * 32)
    nodes.set(leaves, count * 32)
    sha256Tree(nodes, count)
    expect(hex(nodes.subarray(count * 32))).toBe(hex(leaves))
    for (let node = 1; node < count; node += count > 256 ? 37 : 1) {
      const message = new Uint8Array([1, ...nodes.subarray(64 * node, 64 * node + 64)])
      expect([count, node, hex(nodes.subarray(32 * node, 32 * node + 32))]).toEqual([count, node, hex(reference(message))])
    }
  }
})

it('every counter is hashed behind the seed, also beyond what the kernel takes at once', () => {
  const seed = lcg(32)
  const values = sha256Counters(seed, 65_540)
  for (const counter of [0, 1, 2, 3, 4, 255, 256, 4_095, 32_767, 32_768, 65_535, 65_539]) {
    const message = new Uint8Array(36)
    message.set(seed)
    new DataView(message.buffer).setUint32(32, counter, true)
    const hash = reference(message)
    const expected = hash.subarray(0, 16).map((byte, index) => byte ^ (hash[16 + index] as number))
    expect([counter, hex(values.subarray(counter * 16, counter * 16 + 16))]).toEqual([counter, hex(expected)])
  }
})

it('refuses what does not fit', () => {
  expect(() => sha256Tree(new Uint8Array(64), 2)).toThrow(RangeError)
  expect(() => sha256Tree(new Uint8Array(2 ** 21), 2 ** 15)).toThrow(RangeError)
  expect(() => sha256Counters(new Uint8Array(31), 4)).toThrow(RangeError)
  expect(() => sha256Counters(new Uint8Array(32), 3)).toThrow(RangeError)
})
