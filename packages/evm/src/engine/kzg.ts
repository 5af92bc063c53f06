import { bls12_381 } from '@noble/curves/bls12-381.js'
import { KZG_TAU_G2 } from './bls.ts'

let tau: ReturnType<typeof bls12_381.G2.Point.fromHex> | undefined

/**
 * EIP-4844 point evaluation: whether the polynomial behind `commitment` has the value `y` at `z`. Arguments are `0x` hex of 48,
 * 32, 32 and 48 bytes. Throws for points off the curve and scalars that are not reduced. In plain JavaScript, for the oracle: our own
 * precompile at 0x0a uses `verifyPointEvaluation`.
 */
export function verifyKzgProof(commitment: string, z: string, y: string, proof: string): boolean {
  const { Point: G1 } = bls12_381.G1
  const { Point: G2 } = bls12_381.G2
  tau ??= G2.fromHex(KZG_TAU_G2)
  const at = scalar(z)
  const value = scalar(y)
  const c = point(commitment)
  const pi = point(proof)
  // e(C - y G1, -G2) * e(proof, tau G2 - z G2) = 1
  const left = c.subtract(multiply(G1.BASE, value))
  const right = tau.subtract(at === 0n ? G2.ZERO : G2.BASE.multiply(at))
  const pairs = [
    { g1: left, g2: G2.BASE.negate() },
    { g1: pi, g2: right },
  ].filter(({ g1, g2 }) => !g1.is0() && !g2.is0())
  if (pairs.length === 0) return true
  return bls12_381.fields.Fp12.eql(bls12_381.pairingBatch(pairs), bls12_381.fields.Fp12.ONE)
}

type G1Point = InstanceType<typeof bls12_381.G1.Point>

function scalar(hex: string): bigint {
  const value = BigInt(hex)
  if (value >= bls12_381.fields.Fr.ORDER) throw new RangeError('C_KZG_BADARGS: a scalar is not reduced')
  return value
}

function point(hex: string): G1Point {
  try {
    const decoded = bls12_381.G1.Point.fromHex(hex.slice(2))
    decoded.assertValidity()
    return decoded
  } catch (cause) {
    // The point at infinity is a valid commitment and proof, which assertValidity may refuse.
    if (/^0xc0{95}$/.test(hex)) return bls12_381.G1.Point.ZERO
    throw new RangeError('C_KZG_BADARGS: not a point of G1', { cause })
  }
}

function multiply(base: G1Point, by: bigint): G1Point {
  return by === 0n ? bls12_381.G1.Point.ZERO : base.multiply(by)
}
