import { sha256 } from '@zerog/kernels'
import { powerQ24 } from './arithmetic.ts'
import type { Candidate, Sampling, TokenLogprob } from './types.ts'

export const GREEDY: Sampling = { temperatureMilli: 0, topPMilli: 1_000, topK: 0 }

/** The largest logit; of equal ones the smallest token. */
export function greedyToken(logits: Int32Array): number {
  let best = 0
  for (let token = 1; token < logits.length; token++) if ((logits[token] as number) > (logits[best] as number)) best = token
  return best
}

export type Draw = { readonly seed: bigint /** Number of the token in the answer, from 0. */; readonly index: number }

/**
 * Token drawn by inverting the cumulative distribution, in integers. Candidates are ordered by logit, then by token; top-k keeps the
 * first k, then top-p keeps the fewest whose weight is at least its share of the kept.
 */
export function sampleToken(logits: Int32Array, sampling: Sampling, { seed, index }: Draw): number {
  if (sampling.temperatureMilli === 0) return greedyToken(logits)
  const { temperatureMilli, topPMilli, topK } = sampling
  const top = logits[greedyToken(logits)] as number
  // Distance below the best and token in one number: sorting numbers is many times faster than comparing by a function.
  const order = Float64Array.from(logits, (logit, token) => (top - logit) * 65_536 + token).sort()
  const kept = order.subarray(0, topK === 0 ? order.length : topK)
  const weights = Array.from(kept, (key) => powerQ24(Math.floor((Math.floor(key / 65_536) * 1_000) / temperatureMilli)))
  const total = weights.reduce((a, b) => a + b)
  // total is below 2^40 and topPMilli at most 1,000: products stay below 2^50
  let count = 0
  let mass = 0
  while (mass * 1_000 < total * topPMilli) mass += weights[count++] as number
  const target = Number((drawBits({ seed, index }) * BigInt(mass)) >> 48n)
  let cumulative = 0
  for (let i = 0; i < count; i++) {
    cumulative += weights[i] as number
    if (cumulative > target) return (kept[i] as number) % 65_536
  }
  throw new Error('unreachable: the draw is below the mass')
}

const DRAW_DOMAIN = new TextEncoder().encode('zerog/draw/v1')

/** The first 48 bits of sha256(domain, seed as u64, index as u32), little-endian throughout. */
function drawBits({ seed, index }: Draw): bigint {
  const bytes = new Uint8Array(DRAW_DOMAIN.length + 12)
  bytes.set(DRAW_DOMAIN)
  const view = new DataView(bytes.buffer, DRAW_DOMAIN.length)
  view.setBigUint64(0, seed, true)
  view.setUint32(8, index, true)
  const digest = sha256(bytes)
  return new DataView(digest.buffer, digest.byteOffset).getBigUint64(0, true) & 0xffff_ffff_ffffn
}

/** Log probabilities of a token and of the `count` most probable ones, by the model's own distribution. */
export function logprobOf(logits: Int32Array, token: number, count: number): TokenLogprob {
  const top = logits.reduce((a, b) => Math.max(a, b))
  let total = 0
  for (const logit of logits) total += powerQ24(top - logit)
  const norm = log2Q32(BigInt(total)) - (24n << 32n)
  const candidate = (at: number): Candidate => {
    const octaves = (BigInt(top - (logits[at] as number)) << 16n) + norm
    return { token: at, logprobMicro: -Number((octaves * LN2_PICO + (1n << 31n) * 1_000_000n) / (1_000_000n << 32n)) }
  }
  return { ...candidate(token), top: mostProbable(logits, count).map(candidate) }
}

/** ln 2 times 10^12. */
const LN2_PICO = 693_147_180_560n

/** The `count` largest logits, by logit, then by token. */
function mostProbable(logits: Int32Array, count: number): number[] {
  const best: number[] = []
  for (const [token, logit] of logits.entries()) {
    if (best.length === count && (count === 0 || logit <= (logits[best.at(-1) as number] as number))) continue
    let place = best.length
    while (place > 0 && logit > (logits[best[place - 1] as number] as number)) place--
    best.splice(place, 0, token)
    if (best.length > count) best.pop()
  }
  return best
}

/** floor(log2(value) * 2^32) up to one unit below, by repeated squaring with 62 binary places. value >= 1. */
export function log2Q32(value: bigint): bigint {
  const whole = BigInt(value.toString(2).length - 1)
  let mantissa = whole <= 62n ? value << (62n - whole) : value >> (whole - 62n)
  let fraction = 0n
  for (let bit = 0; bit < 32; bit++) {
    mantissa = (mantissa * mantissa) >> 62n
    fraction <<= 1n
    if (mantissa >= 1n << 63n) {
      mantissa >>= 1n
      fraction |= 1n
    }
  }
  return (whole << 32n) | fraction
}
