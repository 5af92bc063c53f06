import { describe, expect, it } from '@jest/globals'
import { type Hex, keccak256, toHex } from '@zerog/primitives'
import { canonicalParams, paramsHash, type SamplingParams, tokenIdsRoot, traceRoot } from './index.ts'
import { hexOf } from './testing.ts'

const params: SamplingParams = { maxTokens: 64, seed: 7n, stop: [], temperatureMilli: 0, topK: 0, topPMilli: 1_000 }

describe('the hash of the sampling parameters', () => {
  it('is that of the canonical JSON of the specification', () => {
    const text = '{"maxTokens":64,"seed":"7","stop":[],"temperatureMilli":0,"topK":0,"topPMilli":1000}'
    expect(canonicalParams(params)).toBe(text)
    expect(paramsHash(params)).toBe(toHex(keccak256(new TextEncoder().encode(text))))
  })

  it('covers every parameter and the order of the stop sequences', () => {
    const changes: Partial<SamplingParams>[] = [
      { maxTokens: 65 },
      { seed: 8n },
      { stop: ['a', 'b'] },
      { stop: ['b', 'a'] },
      { temperatureMilli: 1 },
      { topK: 1 },
      { topPMilli: 999 },
    ]
    const hashes = [params, ...changes.map((change) => ({ ...params, ...change }))].map(paramsHash)
    expect(new Set(hashes).size).toBe(hashes.length)
  })

  it.each([
    { maxTokens: -1 },
    { maxTokens: 1.5 },
    { topK: 2 ** 32 },
    { seed: -1n },
    { seed: 2n ** 64n },
    { stop: ['\ud800'] },
    { stop: Array(65).fill('a') },
    { stop: ['a'.repeat(65_536)] },
  ] as Partial<SamplingParams>[])('does not exist for values out of range (%#)', (change) => {
    expect(() => paramsHash({ ...params, ...change })).toThrow(expect.objectContaining({ reason: 'INVALID_ARGUMENT' }))
  })
})

describe('the trace', () => {
  const leaf = (value: Hex): Hex => toHex(keccak256(Buffer.from(`00${value.slice(2)}`, 'hex')))
  const node = (left: Hex, right: Hex): Hex => toHex(keccak256(Buffer.from(`01${left.slice(2)}${right.slice(2)}`, 'hex')))

  it('begins with the token ids, which are leaves of their own', () => {
    const [a, b, c] = [leaf('0x00000001'), leaf('0x00000005'), leaf('0xffffffff')]
    expect(tokenIdsRoot([1])).toBe(a)
    expect(tokenIdsRoot([1, 5])).toBe(node(a, b))
    expect(tokenIdsRoot(Uint32Array.of(1, 5, 0xffffffff))).toBe(node(node(a, b), c))
    expect(traceRoot(a)).toBe(leaf(a))
    expect(traceRoot(a, [hexOf(32, 2)])).toBe(node(leaf(a), leaf(hexOf(32, 2))))
  })

  it('does not exist for no tokens or for what is no token id', () => {
    for (const ids of [[], [-1], [1.5], [2 ** 32], { length: 1_048_577 } as ArrayLike<number>]) {
      expect(() => tokenIdsRoot(ids)).toThrow(expect.objectContaining({ reason: 'INVALID_ARGUMENT' }))
    }
    expect(() => traceRoot('0x00')).toThrow(RangeError)
  })
})
