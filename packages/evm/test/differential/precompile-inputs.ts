import { hash } from 'node:crypto'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import type { Prng } from '@zerog/sim'
import { signDigest } from './keys.ts'
import { bytesToHex, EDGE_WORDS, wordHex } from './words.ts'

/** Input of a precompile, hex: mostly well formed, often just not. */
export function precompileInput(prng: Prng, address: number): string {
  const build = BUILDERS[address]
  if (build === undefined) return bytesToHex(prng.bytes(prng.below(100)))
  const input = build(prng)
  if (prng.chance(0.75)) return input
  return spoiled(prng, input)
}

/** Precompiles whose oracle takes milliseconds: drawn rarely. */
export const SLOW_PRECOMPILES = [0x08, 0x0a, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x0c]
export const QUICK_PRECOMPILES = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x09, 0x0b]

const BN_PRIME = 21888242871839275222246405745257275088696311157297823662689037894645226208583n
const BN_G2 = [
  '198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2',
  '1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed',
  '090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b',
  '12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa',
].join('')
const BN_G1 = wordHex(1n) + wordHex(2n)
const BN_G1_NEGATED = wordHex(1n) + wordHex(BN_PRIME - 2n)

const { G1, G2 } = bls12_381
const FIELD = bls12_381.fields.Fp.ORDER
const g1 = (by: bigint): string => {
  if (by === 0n) return '0'.repeat(256)
  const { x, y } = G1.Point.BASE.multiply(by).toAffine()
  return coordinate(x) + coordinate(y)
}
const g2 = (by: bigint): string => {
  if (by === 0n) return '0'.repeat(512)
  const { x, y } = G2.Point.BASE.multiply(by).toAffine()
  return [x.c0, x.c1, y.c0, y.c1].map(coordinate).join('')
}
const POINTS_1 = [0n, 1n, 2n, bls12_381.fields.Fr.ORDER - 1n].map(g1)
const POINTS_2 = [0n, 1n, 2n, bls12_381.fields.Fr.ORDER - 1n].map(g2)
/** On the curve, outside of the subgroup: x = 4 has a root. */
const OUTSIDE_1 = coordinate(4n) + coordinate(bls12_381.fields.Fp.sqrt(68n))

function coordinate(value: bigint): string {
  return value.toString(16).padStart(128, '0')
}

function spoiled(prng: Prng, input: string): string {
  const kind = prng.below(4)
  if (kind === 0) return input.slice(0, 2 * prng.below(input.length / 2 + 1))
  if (kind === 1) return input + bytesToHex(prng.bytes(1 + prng.below(40)))
  if (input.length === 0) return '00'
  const at = 2 * prng.below(input.length / 2)
  return input.slice(0, at) + (kind === 2 ? 'ff' : '00') + input.slice(at + 2)
}

function many(prng: Prng, max: number, build: () => string): string {
  return Array.from({ length: prng.below(max + 1) }, build).join('')
}

const point1 = (prng: Prng): string => (prng.chance(0.1) ? OUTSIDE_1 : prng.pick(POINTS_1))
const point2 = (prng: Prng): string => prng.pick(POINTS_2)
const scalar = (prng: Prng): string => wordHex(prng.pick(EDGE_WORDS))

const BUILDERS: Record<number, (prng: Prng) => string> = {
  1: (prng) => {
    const digest = prng.bytes(32)
    const { r, s, recovery } = signDigest(digest, prng.below(4))
    return bytesToHex(digest) + wordHex(prng.chance(0.9) ? 27n + BigInt(recovery) : prng.pick(EDGE_WORDS)) + r + s
  },
  2: (prng) => bytesToHex(prng.bytes(prng.below(130))),
  3: (prng) => bytesToHex(prng.bytes(prng.below(130))),
  4: (prng) => bytesToHex(prng.bytes(prng.below(130))),
  5: modexp,
  6: (prng) => prng.pick([BN_G1, BN_G1_NEGATED, wordHex(0n) + wordHex(0n)]) + prng.pick([BN_G1, BN_G1_NEGATED]),
  7: (prng) => prng.pick([BN_G1, BN_G1_NEGATED]) + scalar(prng),
  8: (prng) => (prng.chance(0.3) ? '' : prng.pick([BN_G1, BN_G1 + BN_G2, BN_G1 + BN_G2 + BN_G1_NEGATED + BN_G2])),
  9: (prng) => {
    const rounds = prng.pick([0, 1, 2, 12]).toString(16).padStart(8, '0')
    return rounds + bytesToHex(prng.bytes(208)) + prng.pick(['00', '01', '02'])
  },
  10: pointEvaluation,
  11: (prng) => point1(prng) + point1(prng),
  12: (prng) => many(prng, 2, () => point1(prng) + scalar(prng)),
  13: (prng) => point2(prng) + point2(prng),
  14: (prng) => many(prng, 1, () => point2(prng) + scalar(prng)),
  15: (prng) => many(prng, 1, () => point1(prng) + point2(prng)),
  16: (prng) => coordinate(prng.pick([0n, 1n, FIELD - 1n, FIELD])),
  17: (prng) => coordinate(prng.pick([0n, 1n, FIELD - 1n])) + coordinate(prng.pick([0n, 5n, FIELD])),
}

function modexp(prng: Prng): string {
  const length = (): bigint => BigInt(prng.pick([0, 0, 1, 1, 2, 8, 31, 32, 33, 40]))
  const [base, exponent, modulus] = [length(), length(), length()]
  if (prng.chance(0.15))
    return [base, exponent, modulus].map((at) => wordHex(prng.chance(0.5) ? prng.pick(EDGE_WORDS) : at)).join('')
  const body = prng.bytes(Number(base + exponent + modulus))
  if (prng.chance(0.2)) body.fill(0, Number(base + exponent))
  return wordHex(base) + wordHex(exponent) + wordHex(modulus) + bytesToHex(body)
}

/** A polynomial that is the constant y: commitment y * G1, proof infinity. */
function pointEvaluation(prng: Prng): string {
  const y = prng.pick([0n, 1n, 7n])
  const commitment = y === 0n ? `c0${'00'.repeat(47)}` : G1.Point.BASE.multiply(y).toHex(true)
  const versioned = `01${hash('sha256', Buffer.from(commitment, 'hex'), 'hex').slice(2)}`
  const claimed = prng.chance(0.8) ? y : y + 1n
  return `${versioned + wordHex(prng.pick([0n, 1n, 12345n])) + wordHex(claimed) + commitment}c0${'00'.repeat(47)}`
}
