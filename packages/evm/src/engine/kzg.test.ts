import { describe, expect, test } from '@jest/globals'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { bigintToBytes, fromHex, toHex } from '@zerog/primitives'
import fc from 'fast-check'
import { loadBls, verifyPointEvaluation } from './bls.ts'
import { verifyKzgProof } from './kzg.ts'

await loadBls()
const { Point } = bls12_381.G1
const { ORDER } = bls12_381.fields.Fr
/** tau G1 of the public setup commits to p(x) = x; the proof that p(z) = z is the generator. */
const TAU_G1 = fromHex('0xad3eb50121139aa34db1d545093ac9374ab7bca2c0f3bf28e27c8dcd8fc7cb42d25926fc0c97b336e9f0fb35e5a04c81')
const ONE = Point.BASE.toBytes()
const INFINITY = Uint8Array.from([0xc0, ...new Array<number>(47).fill(0)])
const word = (value: bigint): Uint8Array => bigintToBytes(value, 32)

type Claim = Parameters<typeof verifyPointEvaluation>[0]

function outcome(work: () => boolean): boolean | 'refused' {
  try {
    return work()
  } catch {
    return 'refused'
  }
}

function both(claim: Claim): boolean | 'refused' {
  const ours = outcome(() => verifyPointEvaluation(claim))
  const { commitment, z, y, proof } = claim
  expect(ours).toBe(outcome(() => verifyKzgProof(toHex(commitment), toHex(z), toHex(y), toHex(proof))))
  return ours
}

describe('point evaluation', () => {
  test('holds for what the setup proves, and not for another value', () => {
    expect(both({ commitment: TAU_G1, z: word(5n), y: word(5n), proof: ONE })).toBe(true)
    expect(both({ commitment: TAU_G1, z: word(5n), y: word(6n), proof: ONE })).toBe(false)
    expect(both({ commitment: INFINITY, z: word(5n), y: word(0n), proof: INFINITY })).toBe(true)
    expect(both({ commitment: ONE, z: word(9n), y: word(1n), proof: INFINITY })).toBe(true)
    expect(both({ commitment: INFINITY, z: word(ORDER), y: word(0n), proof: INFINITY })).toBe('refused')
  })

  test('refuses the same bytes as noble: flags, unreduced coordinates, points off the curve or out of the group', () => {
    const seeds = fc.oneof(
      fc.constantFrom(TAU_G1, ONE, INFINITY),
      fc.bigInt({ min: 1n, max: ORDER - 1n }).map((scalar) => Point.BASE.multiply(scalar).toBytes()),
      fc.uint8Array({ minLength: 48, maxLength: 48 }),
    )
    const changed = fc.tuple(seeds, fc.nat(47), fc.nat(255), fc.boolean()).map(([point, at, mask, changes]) => {
      const bytes = Uint8Array.from(point)
      if (changes) bytes[at] = (bytes[at] as number) ^ mask
      return bytes
    })
    fc.assert(
      fc.property(changed, fc.nat(2), (commitment, y) => {
        both({ commitment, z: word(1n), y: word(BigInt(y)), proof: INFINITY })
      }),
      { numRuns: 30 },
    )
    for (const flags of [0x00, 0x20, 0x40, 0x60, 0x80, 0xa0, 0xc0, 0xe0]) {
      for (const point of [ONE, INFINITY]) {
        const commitment = Uint8Array.from(point)
        commitment[0] = ((commitment[0] as number) & 0x1f) | flags
        both({ commitment, z: word(1n), y: word(1n), proof: INFINITY })
      }
    }
  })
})
