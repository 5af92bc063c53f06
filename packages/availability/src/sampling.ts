import { assert } from '@zerog/primitives'
import { permutation } from './permutation.ts'

// Two different questions that the same rows answer, with different confidence. Probabilities are reported, never decided upon: floating
// point is fine here. All of them are exact for sampling without repetition, not the (1/4)^s that is quoted for it.

/** A code of `k` original and `n` parity rows. */
export type Rows = { readonly k: number; readonly n: number }

/**
 * Which rows a light client asks for: `count` different ones, uniformly, in random order.
 * @param seed 32 bytes of the client's own randomness, secret until the rows are asked for. Whoever can foresee the sample serves just it.
 */
export function sampleRows(seed: Uint8Array, { k, n }: Rows, count: number): Uint32Array {
  assert(Number.isInteger(count) && count >= 1 && count <= k + n, 'a sample of 1 to all rows')
  return permutation(k + n, seed).slice(0, count)
}

/**
 * Withholding, fixed set: if too few rows are served to restore the bundle (at most k - 1), `count` random samples are all answered with at
 * most this probability. At rate 1/4 below 4^-count: 16 rows for 2^-32.
 *
 * It holds where the served rows do not depend on this client's questions: nodes that answer everybody alike, or a client that cannot be
 * told from others. A committee that sees all of one client's questions and answers exactly those fools it with certainty, whatever the
 * number of samples; `clientsFooledMax` says how many such clients it can afford.
 */
export function withholdingMissProbability(rows: Rows, count: number): number {
  return 2 ** logAllWithin(rows.k - 1, rows, count)
}

/**
 * Withholding, adaptive committee: it sees every question of `clients` clients before it decides which k - 1 rows to serve, to whom. The
 * largest number of clients whose samples it can answer in full, except with probability 2^-confidenceBits; when more than so many saw all
 * their samples, the bundle can be restored from what was served.
 *
 * For one set of k - 1 rows, f given clients lie within it with probability p^f, p as `withholdingMissProbability`; the union over all sets
 * and all choices of f clients gives C(k + n, k - 1) * C(clients, f) * p^f. At rate 1/4 and 16 samples that is about k / 10 clients.
 */
export function clientsFooledMax(
  rows: Rows,
  count: number,
  options: { readonly clients: number; readonly confidenceBits: number },
): number {
  const { clients, confidenceBits } = options
  const sets = logChoose(rows.k + rows.n, rows.k - 1)
  const within = logAllWithin(rows.k - 1, rows, count)
  const isRare = (fooled: number): boolean => sets + logChoose(clients, fooled) + fooled * within <= -confidenceBits
  // The bound falls once it falls: the exponent is concave in the number of clients, and 0 at none.
  for (let fooled = 1; fooled <= clients; fooled++) if (isRare(fooled)) return fooled - 1
  return clients
}

/**
 * Encoding: if the committed rows are further from every codeword than unique decoding reaches (more than n / 2 rows differ from the
 * nearest), random rows fail their check against the RLC vector; all of `count` pass with at most this probability (and 2^-112 for a
 * collision of the combination). At rate 1/4 below (5/8)^count: 148 rows for 2^-100, but 16 rows for 2^-10.8 only.
 *
 * A member checks at least 148 rows before it signs, so a certificate carries this confidence from each honest signer; a light client's few
 * rows hardly add to it, which is why withholding and encoding are reported apart.
 */
export function encodingMissProbability(rows: Rows, count: number): number {
  const good = rows.k + rows.n - (Math.floor(rows.n / 2) + 1)
  return 2 ** logAllWithin(good, rows, count)
}

/** Samples for a probability of at most 2^-bits under one of the two bounds; undefined where not even all rows suffice. */
export function samplesFor(bits: number, rows: Rows, bound: (rows: Rows, count: number) => number): number | undefined {
  for (let count = 1; count <= rows.k + rows.n; count++) if (bound(rows, count) <= 2 ** -bits) return count
  return undefined
}

/** log2 of the probability that `count` different random rows all lie within a set of `size`. */
function logAllWithin(size: number, { k, n }: Rows, count: number): number {
  let log = 0
  for (let drawn = 0; drawn < count; drawn++) {
    if (size <= drawn) return Number.NEGATIVE_INFINITY
    log += Math.log2((size - drawn) / (k + n - drawn))
  }
  return log
}

/** log2 of the binomial coefficient. */
function logChoose(total: number, chosen: number): number {
  let log = 0
  for (let index = 0; index < chosen; index++) log += Math.log2((total - index) / (index + 1))
  return log
}
