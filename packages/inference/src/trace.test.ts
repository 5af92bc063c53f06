import { expect, it } from '@jest/globals'
import { toHex } from '@zerog/primitives'
import { merkleRoot, tensorRoot, tokenIdsRoot, traceOf } from './trace.ts'

it('hashes trees as RFC 6962 does', () => {
  // Test vectors of Certificate Transparency.
  const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map((hex) =>
    Uint8Array.from(hex.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16)),
  )
  expect(toHex(merkleRoot([]))).toBe('0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  expect(toHex(merkleRoot(leaves.slice(0, 1)))).toBe('0x6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d')
  expect(toHex(merkleRoot(leaves.slice(0, 3)))).toBe('0xaeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77')
  expect(toHex(merkleRoot(leaves))).toBe('0x5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328')
})

it('binds prompt, answer, their border and the logits of each step', () => {
  const logits = [Int32Array.of(1, -2), Int32Array.of(3, 4)].map(tensorRoot)
  const roots = [
    traceOf([1, 2], [3], logits),
    traceOf([1], [2, 3], logits),
    traceOf([1, 2], [4], logits),
    traceOf([1, 2], [3], [...logits].reverse()),
  ].map(({ traceRoot }) => toHex(traceRoot))
  expect(new Set(roots).size).toBe(4)
  expect(toHex(tokenIdsRoot([1, 2], [3]))).toMatchInlineSnapshot(
    `"0x18b29c1e405ba96e5bd8d94df9124d7f43c2154190e6ed772ce1031a76fbfe16"`,
  )
})
