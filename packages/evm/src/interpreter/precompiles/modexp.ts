import { bigintToBytes, bytesToBigint } from '@zerog/primitives'
import { EMPTY } from '../memory.ts'
import { padded } from './hashes.ts'
import type { Precompile } from './precompile.ts'

/** 0x05: base ** exponent mod modulus on big-endian numbers of any length (EIP-198), priced by EIP-2565. */
export const modexp: Precompile = {
  gas: (input) => {
    const { base, exponent, modulus } = lengths(input)
    const head = exponentHead(input, base, exponent)
    const bits = head === 0n ? 0 : head.toString(2).length - 1
    const iterations = Math.max(1, (exponent > 32 ? 8 * (exponent - 32) : 0) + bits)
    const words = Math.ceil(Math.max(base, modulus) / 8)
    return Math.max(200, Math.floor((words * words * iterations) / 3))
  },
  run: (input) => {
    const { base, exponent, modulus } = lengths(input)
    if (base === 0 && modulus === 0) return EMPTY
    const number = (offset: number, length: number): bigint => {
      // What is not there reads as zeros, which need not be made to be shifted in.
      const there = input.subarray(Math.min(96 + offset, input.length), Math.min(96 + offset + length, input.length))
      return there.length === 0 ? 0n : bytesToBigint(there) << BigInt(8 * (length - there.length))
    }
    const m = number(base + exponent, modulus)
    if (m === 0n) return new Uint8Array(modulus)
    return bigintToBytes(power(number(0, base), number(base, exponent), m), modulus)
  },
}

function lengths(input: Uint8Array): { readonly base: number; readonly exponent: number; readonly modulus: number } {
  const at = (offset: number): number => Number(bytesToBigint(padded(input, offset, 32)))
  return { base: at(0), exponent: at(32), modulus: at(64) }
}

/** The first 32 bytes of the exponent. */
function exponentHead(input: Uint8Array, baseLength: number, exponentLength: number): bigint {
  const length = Math.min(32, exponentLength)
  return length === 0 ? 0n : bytesToBigint(padded(input, 96 + baseLength, length))
}

const WINDOW_BITS = 4

/** Left to right by windows of four bits: a quarter of the products that single bits would take. */
function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  if (exponent === 0n) return 1n % modulus
  const digits = exponent.toString(2 ** WINDOW_BITS)
  const b = base % modulus
  const table = [1n % modulus, b]
  for (let index = 2; index < 2 ** WINDOW_BITS; index++) table.push(((table[index - 1] as bigint) * b) % modulus)
  let result = 1n % modulus
  for (const digit of digits) {
    if (result !== 1n) for (let bit = 0; bit < WINDOW_BITS; bit++) result = (result * result) % modulus
    const factor = Number.parseInt(digit, 2 ** WINDOW_BITS)
    if (factor !== 0) result = (result * (table[factor] as bigint)) % modulus
  }
  return result
}
