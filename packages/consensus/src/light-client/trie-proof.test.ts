import { createMerkleProof, createMPT } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import { describe, expect, test } from '@jest/globals'
import { bigintToBytes, keccak256, toHex, ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { verifyTrieProof } from './trie-proof.ts'

const keyOf = (index: number) => keccak256(bigintToBytes(BigInt(index), 4))

/** A trie of `count` keys with values of the lengths that state has, and the proofs of an independent implementation. */
async function trieOf(count: number) {
  const trie = await createMPT()
  const encodedValue = (index: number) =>
    RLP.encode(bigintToBytes(BigInt(index + 1) ** BigInt(1 + (index % 9)), 1 + (index % 40) + 20))
  for (let index = 0; index < count; index++) await trie.put(keyOf(index), encodedValue(index))
  return { root: trie.root(), encodedValue, prove: (key: Uint8Array) => createMerkleProof(trie, key) }
}

describe('a trie proof', () => {
  test.each([1, 2, 3, 17, 400])('shows values and absences in a trie of %i keys', async (count) => {
    const { root, encodedValue, prove } = await trieOf(count)
    for (let index = 0; index < count; index += 1 + Math.floor(count / 40)) {
      const value = verifyTrieProof(root, keyOf(index), await prove(keyOf(index)))
      expect(value && toHex(value)).toBe(toHex(encodedValue(index)))
    }
    for (let index = count; index < count + 40; index++)
      expect(verifyTrieProof(root, keyOf(index), await prove(keyOf(index)))).toBeUndefined()
  })

  test('of the empty trie is empty', async () => {
    const root = (await createMPT()).root()
    expect(verifyTrieProof(root, keyOf(1), [])).toBeUndefined()
    expect(() => verifyTrieProof(root, keyOf(1), [new Uint8Array(3)])).toThrow(ZerogError)
  })

  test('fails with any bit flipped, any node missing, doubled, foreign or out of place', async () => {
    const { root, prove } = await trieOf(200)
    const proofs = await Promise.all(
      [3, 77, 1_000].map(async (index) => ({ key: keyOf(index), proof: await prove(keyOf(index)) })),
    )
    const mutant = fc.record({
      which: fc.nat(2),
      node: fc.nat(),
      bit: fc.nat(),
      how: fc.constantFrom('flip', 'drop', 'double', 'swap', 'foreign'),
    })
    fc.assert(
      fc.property(mutant, ({ which, node, bit, how }) => {
        const { key, proof } = proofs[which] as (typeof proofs)[number]
        const at = node % proof.length
        const nodes: Uint8Array[] = proof.map((each) => each.slice())
        const chosen = nodes[at] as Uint8Array
        if (how === 'flip') chosen[(bit >> 3) % chosen.length] = (chosen[(bit >> 3) % chosen.length] as number) ^ (1 << (bit & 7))
        if (how === 'drop') nodes.splice(at, 1)
        if (how === 'double') nodes.splice(at, 0, chosen)
        if (how === 'swap') nodes.push(nodes.shift() as Uint8Array)
        if (how === 'foreign') nodes.push((proofs[(which + 1) % 3] as (typeof proofs)[number]).proof.at(-1) as Uint8Array)
        expect(() => verifyTrieProof(root, key, nodes)).toThrow(ZerogError)
      }),
      { numRuns: 400 },
    )
    // Its value proves nothing about another key.
    const [first, second] = proofs as [(typeof proofs)[number], (typeof proofs)[number]]
    expect(() => verifyTrieProof(root, second.key, first.proof)).toThrow(ZerogError)
  })

  test('of forged nodes under a forged root ends in a refusal or an answer, never in anything else', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 34 }),
      fc.constantFrom(new Uint8Array(0), Uint8Array.of(0x20), Uint8Array.of(0), Uint8Array.of(0x1f)),
    )
    const item = fc.letrec((tie) => ({
      node: fc.oneof(
        bytes,
        fc.array(tie('node'), { minLength: 2, maxLength: 2 }),
        fc.array(bytes, { minLength: 17, maxLength: 17 }),
      ),
    })).node as fc.Arbitrary<Uint8Array>
    const encoded = fc.oneof({ weight: 4, arbitrary: item.map((value) => RLP.encode(value)) }, fc.uint8Array({ maxLength: 80 }))
    let answered = 0
    fc.assert(
      fc.property(fc.array(encoded, { minLength: 1, maxLength: 3 }), fc.nat(50), (nodes, index) => {
        try {
          verifyTrieProof(keccak256(nodes[0] as Uint8Array), keyOf(index), nodes)
          answered++
        } catch (error) {
          if (!(error instanceof ZerogError)) throw error
          expect(error.reason).toBe('PROOF_INVALID')
        }
      }),
      { numRuns: 3_000 },
    )
    expect(answered).toBeGreaterThan(0)
  })

  test('with a node beyond the limits is refused', () => {
    const huge = RLP.encode([new Uint8Array(600), new Uint8Array(1)])
    expect(() => verifyTrieProof(keccak256(huge), keyOf(1), [huge])).toThrow('too long')
    expect(() => verifyTrieProof(keccak256(huge), keyOf(1), new Array(66).fill(huge))).toThrow('66 nodes')
  })
})
