import { hash } from 'node:crypto'
import type { Random } from '@zerog/ports'
import { assert } from '@zerog/primitives'

const TWO_32 = 4_294_967_296

/**
 * sfc32 (Chris Doty-Humphrey, PractRand): 128 bits of state, four 32-bit operations per number, no known statistical failure.
 * The state of a generator is SHA-256 of its path, `<seed>/<name>/<name>`, so `fork` gives independent streams: what one component
 * draws never moves what another one sees, and adding a component leaves old seeds alone as far as possible.
 */
export class Prng {
  readonly path: string
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(path: string) {
    this.path = path
    const digest = hash('sha256', `zerog.sim.v1:${path}`, 'buffer')
    this.#a = digest.readUInt32LE(0)
    this.#b = digest.readUInt32LE(4)
    this.#c = digest.readUInt32LE(8)
  }

  /** `seed` is taken modulo 2^64. */
  static fromSeed(seed: bigint): Prng {
    return new Prng(BigInt.asUintN(64, seed).toString())
  }

  fork(name: string): Prng {
    return new Prng(`${this.path}/${name}`)
  }

  /** Uniform in [0, 2^32). */
  next(): number {
    const result = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0
    return result >>> 0
  }

  /** Uniform integer in [0, bound), bound in [1, 2^32]. */
  below(bound: number): number {
    assert(Number.isInteger(bound) && bound >= 1 && bound <= TWO_32, `bound ${bound} is outside [1, 2^32]`)
    const fair = TWO_32 - (TWO_32 % bound)
    let value = this.next()
    while (value >= fair) value = this.next()
    return value % bound
  }

  /** Uniform integer, ends included. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1)
  }

  /** True with probability `probability`. Draws nothing for 0 and below, so that a fault that is off costs no number. */
  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability * TWO_32
  }

  /** Exponentially distributed with this mean: the time to the next of events that happen at random. */
  exponential(mean: number): number {
    return -Math.log((this.next() + 1) / TWO_32) * mean
  }

  pick<T>(values: readonly T[]): T {
    assert(values.length > 0, 'nothing to pick from')
    return values[this.below(values.length)] as T
  }

  /** A new array (Fisher-Yates). */
  shuffle<T>(values: readonly T[]): T[] {
    const out = [...values]
    for (let index = out.length - 1; index > 0; index--) {
      const other = this.below(index + 1)
      ;[out[index], out[other]] = [out[other] as T, out[index] as T]
    }
    return out
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length)
    for (let index = 0; index < length; index++) out[index] = this.next() >>> 24
    return out
  }
}

/** The `Random` port on a seeded stream. */
export function simRandom(prng: Prng): Random {
  return {
    bytes: (length) => prng.bytes(length),
    below: (bound) => prng.below(bound),
    uuid: () => {
      const bytes = prng.bytes(16)
      bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40
      bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
      const text = Buffer.from(bytes).toString('hex')
      return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`
    },
  }
}
