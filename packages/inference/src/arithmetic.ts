/**
 * Integer arithmetic of the format on JavaScript numbers. Every intermediate stays below 2^53, which the limits of the format
 * guarantee, so that the results are those of 64-bit integers. docs/spec/integer-model.md names each bound.
 */

/** value / 2^shift, rounded to the nearest integer, halves away from zero. |value| < 2^52, shift <= 47. */
export function roundShift(value: number, shift: number): number {
  const magnitude = Math.floor((Math.abs(value) + (shift === 0 ? 0 : 2 ** (shift - 1))) / 2 ** shift)
  return value < 0 ? -magnitude : magnitude
}

export function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value))
}

/** Largest s with s * s <= value * 2^10, for 0 <= value < 2^50. */
export function scaledRoot(value: number): number {
  const target = BigInt(value) << 10n
  let root = BigInt(Math.floor(Math.sqrt(value) * 32))
  while (root * root > target) root -= 1n
  while ((root + 1n) * (root + 1n) <= target) root += 1n
  return Number(root)
}

/** Residual stream: Q10 between these. */
export const RESIDUAL_MAX = 2 ** 20 - 1
/** Attention scores, octaves in Q8, before the distance is subtracted. */
export const SCORE_MAX = 2 ** 29
/** Logits, octaves in Q16. */
export const LOGIT_MAX = 2 ** 30

/** round(2^16 * 2^(-i/256)) for i from 0 to 255: weights of attention. */
export const POWERS_Q16: Uint32Array = powers(16, 8)
/** round(2^24 * 2^(-i/256)) and round(2^24 * 2^(-i/65536)): weights of sampling, coarse and fine. */
const COARSE_Q24 = powers(24, 8)
const FINE_Q24 = powers(24, 16)

/** floor(2^24 * 2^(-distance / 2^16)) by two tables of rounded powers; 0 from 25 octaves on. distance is a non-negative integer. */
export function powerQ24(distance: number): number {
  const octaves = Math.floor(distance / 65_536)
  if (octaves >= 25) return 0
  const rest = distance % 65_536
  return Math.floor(((COARSE_Q24[rest >>> 8] as number) * (FINE_Q24[rest & 255] as number)) / 2 ** (24 + octaves))
}

/**
 * round(2^bits * 2^(-i / 2^resolution)) for i from 0 to 255, in integers alone: 2^(-1 / 2^k) is the k-fold square root of one half,
 * kept with 128 binary places, and 2^(-i / 2^resolution) is the product of those that the binary digits of i name.
 */
function powers(bits: number, resolution: number): Uint32Array {
  const one = 1n << 128n
  const roots: bigint[] = []
  let root = one >> 1n
  for (let k = 0; k < resolution; k++) {
    root = bigintRoot(root << 128n)
    roots.unshift(root)
  }
  // roots[j] is 2^(-2^j / 2^resolution)
  return Uint32Array.from({ length: 256 }, (_, i) => {
    let product = one
    for (let j = 0; j < 8; j++) if ((i >> j) & 1) product = (product * (roots[j] as bigint)) >> 128n
    const shift = 128n - BigInt(bits)
    return Number((product + (1n << (shift - 1n))) >> shift)
  })
}

/** Largest s with s * s <= value. */
function bigintRoot(value: bigint): bigint {
  let root = 1n << BigInt(Math.ceil(value.toString(2).length / 2))
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) return root
    root = next
  }
}
