import { hash } from 'node:crypto'
import { ripemd160 } from '@noble/hashes/legacy.js'
import { bytesToBigint } from '@zerog/primitives'
import { keccak256 } from '../../codec/keccak.ts'
import { CURVE_ORDER, recoverPublicKey } from '../../codec/signature.ts'
import { EMPTY } from '../memory.ts'
import type { Precompile } from './precompile.ts'

function words(input: Uint8Array): number {
  return Math.ceil(input.length / 32)
}

/** `length` bytes of the input from `offset`, zeros where it has none. */
export function padded(input: Uint8Array, offset: number, length: number): Uint8Array {
  const out = new Uint8Array(length)
  if (offset < input.length) out.set(input.subarray(offset, offset + length))
  return out
}

/** 0x01: the address that signed a hash, or nothing (yellow paper, appendix E.1). High s is allowed here. */
export const ecrecover: Precompile = {
  gas: () => 3_000,
  run: (input) => {
    const v = bytesToBigint(padded(input, 32, 32))
    const signature = padded(input, 64, 64)
    const r = bytesToBigint(signature.subarray(0, 32))
    const s = bytesToBigint(signature.subarray(32))
    if ((v !== 27n && v !== 28n) || r === 0n || r >= CURVE_ORDER || s === 0n || s >= CURVE_ORDER) return EMPTY
    try {
      const address = keccak256(recoverPublicKey(padded(input, 0, 32), signature, Number(v) - 27))
      return address.fill(0, 0, 12)
    } catch {
      return EMPTY // no point of the curve has this r
    }
  },
}

/** 0x02 */
export const sha256: Precompile = {
  gas: (input) => 60 + 12 * words(input),
  run: (input) => new Uint8Array(hash('sha256', input, 'buffer')),
}

/** 0x03: 20 bytes at the end of a word. */
export const ripemd: Precompile = {
  gas: (input) => 600 + 120 * words(input),
  run: (input) => {
    const out = new Uint8Array(32)
    out.set(ripemd160(input), 12)
    return out
  },
}

/** 0x04 */
export const identity: Precompile = {
  gas: (input) => 15 + 3 * words(input),
  run: (input) => input.slice(),
}
