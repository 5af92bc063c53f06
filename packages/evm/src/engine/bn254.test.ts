import { NobleBN254 } from '@ethereumjs/evm'
import { describe, expect, test } from '@jest/globals'
import { bn254 } from '@noble/curves/bn254.js'
import { bigintToBytes, concatBytes, toHex } from '@zerog/primitives'
import fc from 'fast-check'
import { bn254PairingHolds, bn254Product, bn254Sum, loadBn254 } from './bn254.ts'

const { Point: G1 } = bn254.G1
const { Point: G2 } = bn254.G2
const { ORDER } = bn254.fields.Fr
const P = bn254.fields.Fp.ORDER
const noble = new NobleBN254()
await loadBn254()

const word = (value: bigint): Uint8Array => bigintToBytes(value, 32)

function g1(scalar: bigint): Uint8Array {
  if (scalar % ORDER === 0n) return new Uint8Array(64)
  const { x, y } = G1.BASE.multiply(scalar % ORDER).toAffine()
  return concatBytes(word(x), word(y))
}

function g2(scalar: bigint): Uint8Array {
  if (scalar % ORDER === 0n) return new Uint8Array(128)
  const { x, y } = G2.BASE.multiply(scalar % ORDER).toAffine()
  return concatBytes(word(x.c1), word(x.c0), word(y.c1), word(y.c0))
}

const scalars = fc.oneof(
  fc.constantFrom(0n, 1n, 2n, ORDER - 1n, ORDER, (1n << 256n) - 1n),
  fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }),
)

describe('sums, products and pairings of BN254', () => {
  test('agree with noble, at infinity too', () => {
    fc.assert(
      fc.property(scalars, scalars, scalars, (a, b, k) => {
        const pair = concatBytes(g1(a), g1(b))
        expect(toHex(bn254Sum(pair) as Uint8Array)).toBe(toHex(noble.add(pair)))
        const product = concatBytes(g1(a), word(k))
        const wanted = a % ORDER === 0n ? new Uint8Array(64) : noble.mul(product)
        expect(toHex(bn254Product(product) as Uint8Array)).toBe(toHex(wanted))
      }),
      { numRuns: 40 },
    )
  })

  test('a product of pairings is one exactly where the exponents cancel, for any number of pairs', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(scalars, scalars), { maxLength: 4 }), fc.boolean(), (pairs, spoilt) => {
        const sum = pairs.reduce((total, [a, b]) => (total + a * b) % ORDER, 0n)
        const closing = concatBytes(g1(ORDER - sum + (spoilt ? 1n : 0n)), g2(1n))
        const input = concatBytes(...pairs.map(([a, b]) => concatBytes(g1(a), g2(b))), closing)
        expect(bn254PairingHolds(input)).toBe(!spoilt)
      }),
      { numRuns: 15 },
    )
    expect(bn254PairingHolds(new Uint8Array(0))).toBe(true)
    const many = concatBytes(
      ...Array.from({ length: 130 }, (_, index) => concatBytes(g1(index % 2 === 0 ? 5n : ORDER - 5n), g2(7n))),
    )
    expect(bn254PairingHolds(many)).toBe(true)
    expect(bn254PairingHolds(many.subarray(192))).toBe(false)
  })

  test('refuse what is not reduced, not on the curve or not in the group', () => {
    const one = g1(1n)
    expect(bn254Sum(concatBytes(word(1n), word(3n), one))).toBeUndefined()
    expect(bn254Sum(concatBytes(word(1n + P), word(2n), one))).toBeUndefined()
    expect(bn254Product(concatBytes(word(0n), word(1n), word(0n)))).toBeUndefined()
    expect(bn254PairingHolds(concatBytes(one, word(1n), word(2n), word(3n), word(4n)))).toBeUndefined()
    // Infinity beside a bad point does not save it.
    expect(bn254PairingHolds(concatBytes(new Uint8Array(64), word(1n), word(2n), word(3n), word(4n)))).toBeUndefined()
    expect(bn254PairingHolds(concatBytes(word(1n), word(3n), new Uint8Array(128)))).toBeUndefined()
    expect(bn254PairingHolds(concatBytes(one, strayG2()))).toBeUndefined()
  })
})

/** A point of the twist outside of the subgroup. */
function strayG2(): Uint8Array {
  const { Fp2 } = bn254.fields
  const b = Fp2.div({ c0: 3n, c1: 0n }, { c0: 9n, c1: 1n })
  for (let c0 = 1n; ; c0++) {
    const x = { c0, c1: 1n }
    const square = Fp2.add(Fp2.mul(Fp2.sqr(x), x), b)
    try {
      const y = Fp2.sqrt(square)
      return concatBytes(word(x.c1), word(x.c0), word(y.c1), word(y.c0))
    } catch {
      // no point has this x
    }
  }
}
