import { bn254 } from '@noble/curves/bn254.js'
import { bigintToBytes, bytesToBigint } from '@zerog/primitives'
import { padded } from './hashes.ts'
import type { Precompile } from './precompile.ts'

const { Point: G1 } = bn254.G1
const { Point: G2 } = bn254.G2
type G1Point = InstanceType<typeof G1>
type G2Point = InstanceType<typeof G2>

const COORDINATE_BYTES = 32
const G1_BYTES = 64
const PAIR_BYTES = 192
const MALFORMED = 'malformed point'

/** 0x06: a sum in G1 (EIP-196, priced by EIP-1108). */
export const bn254Add: Precompile = {
  gas: () => 150,
  run: (input) => attempt(() => writeG1(readG1(padded(input, 0, G1_BYTES)).add(readG1(padded(input, G1_BYTES, G1_BYTES))))),
}

/** 0x07: a product in G1. */
export const bn254Mul: Precompile = {
  gas: () => 6_000,
  run: (input) =>
    attempt(() => {
      const point = readG1(padded(input, 0, G1_BYTES))
      const scalar = bytesToBigint(padded(input, G1_BYTES, COORDINATE_BYTES)) % bn254.fields.Fr.ORDER
      return writeG1(scalar === 0n || point.is0() ? G1.ZERO : point.multiplyUnsafe(scalar))
    }),
}

/** 0x08: whether a product of pairings is one (EIP-197). */
export const bn254Pairing: Precompile = {
  gas: (input) => 45_000 + 34_000 * Math.floor(input.length / PAIR_BYTES),
  run: (input) => {
    if (input.length % PAIR_BYTES !== 0) return 'bad elliptic curve pairing size'
    return attempt(() => {
      const pairs: { g1: G1Point; g2: G2Point }[] = []
      for (let at = 0; at < input.length; at += PAIR_BYTES) {
        const g1 = readG1(input.subarray(at, at + G1_BYTES))
        const g2 = readG2(input.subarray(at + G1_BYTES, at + PAIR_BYTES))
        if (!g1.is0() && !g2.is0()) pairs.push({ g1, g2 })
      }
      const { Fp12 } = bn254.fields
      const holds = pairs.length === 0 || Fp12.eql(bn254.pairingBatch(pairs), Fp12.ONE)
      return bigintToBytes(holds ? 1n : 0n, 32)
    })
  },
}

/** noble throws for whatever is no point. */
function attempt(work: () => Uint8Array): Uint8Array | string {
  try {
    return work()
  } catch {
    return MALFORMED
  }
}

function coordinate(bytes: Uint8Array, offset: number): bigint {
  const value = bytesToBigint(bytes.subarray(offset, offset + COORDINATE_BYTES))
  if (value >= bn254.fields.Fp.ORDER) throw new RangeError('a coordinate is not reduced')
  return value
}

function readG1(bytes: Uint8Array): G1Point {
  const x = coordinate(bytes, 0)
  const y = coordinate(bytes, COORDINATE_BYTES)
  if (x === 0n && y === 0n) return G1.ZERO
  const point = G1.fromAffine({ x, y })
  point.assertValidity()
  return point
}

/** Imaginary parts first; the point must be in the subgroup. */
function readG2(bytes: Uint8Array): G2Point {
  const [x1, x0, y1, y0] = [0, 1, 2, 3].map((index) => coordinate(bytes, index * COORDINATE_BYTES)) as [
    bigint,
    bigint,
    bigint,
    bigint,
  ]
  if (x0 === 0n && x1 === 0n && y0 === 0n && y1 === 0n) return G2.ZERO
  const point = G2.fromAffine({ x: { c0: x0, c1: x1 }, y: { c0: y0, c1: y1 } })
  point.assertValidity()
  return point
}

function writeG1(point: G1Point): Uint8Array {
  const out = new Uint8Array(G1_BYTES)
  if (point.is0()) return out
  const { x, y } = point.toAffine()
  out.set(bigintToBytes(x, COORDINATE_BYTES), 0)
  out.set(bigintToBytes(y, COORDINATE_BYTES), COORDINATE_BYTES)
  return out
}
