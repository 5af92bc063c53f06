import { describe, expect, it } from '@jest/globals'
import { keccak_256 } from '@noble/hashes/sha3.js'
import fc from 'fast-check'
import { KECCAK_SCRATCH_BYTES, keccak256, keccakScratch, subtreeRoot } from './keccak.ts'

/** The tree as its definition says: no kernel, no shortcuts. */
function referenceRoot(data: Uint8Array, height: number): Uint8Array {
  if (height === 0) {
    const entry = new Uint8Array(256)
    entry.set(data)
    return keccak_256(entry)
  }
  const half = 2 ** (height - 1) * 256
  const pair = new Uint8Array(64)
  pair.set(referenceRoot(data.subarray(0, half), height - 1), 0)
  pair.set(referenceRoot(data.subarray(half), height - 1), 32)
  return keccak_256(pair)
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const lcg = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, index) => (31 * index + 7) & 0xff)

describe('keccak256', () => {
  it('is the published one', () => {
    expect(hex(keccak256(new Uint8Array(0)))).toBe('c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470')
    expect(hex(keccak256(new TextEncoder().encode('abc')))).toBe(
      '4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45',
    )
  })

  it('equals the reference for every length over three blocks', () => {
    for (let size = 0; size <= 3 * 136 + 1; size++) expect(hex(keccak256(lcg(size)))).toBe(hex(keccak_256(lcg(size))))
  })

  it('equals the reference for random bytes, also beyond what the kernel takes at once', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => hex(keccak256(bytes)) === hex(keccak_256(bytes))))
    for (const size of [262_072, 262_073, 262_144, 600_001]) expect(hex(keccak256(lcg(size)))).toBe(hex(keccak_256(lcg(size))))
  })
})

describe('the scratch', () => {
  it('hashes what was written into it, up to its end', () => {
    const { bytes, from, digest } = keccakScratch()
    for (const size of [0, 1, 135, 136, 137, 532, KECCAK_SCRATCH_BYTES]) {
      const message = lcg(size)
      bytes.set(message, from)
      const into = new Uint8Array(40).fill(9)
      digest(size, into, 4)
      expect(hex(into)).toBe(`09090909${hex(keccak_256(message))}09090909`)
    }
  })
})

describe('subtreeRoot', () => {
  it('equals the reference for every height, full, empty and at the edges of entries', () => {
    for (let height = 0; height <= 7; height++) {
      const full = 2 ** height * 256
      for (const size of [0, 1, 255, 256, 257, 513, full / 2, full / 2 + 1, full - 256, full - 1, full]) {
        if (size > full || size < 0) continue
        expect([height, size, hex(subtreeRoot(lcg(size), height))]).toEqual([height, size, hex(referenceRoot(lcg(size), height))])
      }
    }
  })

  it('equals the reference for random data, whatever was hashed before', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5 }), fc.uint8Array({ maxLength: 8_192, size: 'max' }), (height, bytes) => {
        const data = bytes.subarray(0, 2 ** height * 256)
        keccak256(bytes)
        return hex(subtreeRoot(data, height)) === hex(referenceRoot(data, height))
      }),
    )
  })

  it('of a whole segment is what the official client computes', () => {
    expect(hex(subtreeRoot(lcg(262_144), 10))).toBe('d91d4fbe931dad9d248e122f5110690dc8b062081085fa8c25ffbd5a121af8ba')
    expect(hex(subtreeRoot(lcg(262_143), 10))).toBe('34400c1f1800b15f03470317db3b3f0117abd4fada95c7f518591762f28b7990')
  })

  it('gives results that later calls do not change', () => {
    const first = subtreeRoot(lcg(300), 1)
    const kept = hex(first)
    subtreeRoot(lcg(999), 2)
    expect(hex(first)).toBe(kept)
  })

  it.each([
    [-1, 0],
    [11, 0],
    [0.5, 1],
    [0, 257],
    [10, 262_145],
  ])('refuses height %s with %s bytes', (height, size) => {
    expect(() => subtreeRoot(new Uint8Array(size), height)).toThrow(RangeError)
  })
})
