import type { Hex } from '@zerog/primitives'
import { type Codec, DecodeError, kindOf, Mismatch } from './decode.ts'

const DIGITS = /^[0-9a-fA-F]*$/
const UINT64_MAX = (1n << 64n) - 1n

/** Digits of a `0x` string that stands for bytes; undefined for the empty string, which geth lets pass here. */
function byteDigits(value: unknown, goType: string): string {
  if (typeof value !== 'string') throw new Mismatch('non-string', goType)
  if (value === '') return ''
  if (!/^0[xX]/.test(value)) throw new Mismatch('hex string without 0x prefix', goType)
  if (value.length % 2 === 1) throw new Mismatch('hex string of odd length', goType)
  return value.slice(2)
}

function fixedBytes(goType: string, lengthBytes: number): Codec<Hex> {
  return (value) => {
    const digits = byteDigits(value, goType)
    if (digits.length !== 2 * lengthBytes) {
      throw new DecodeError(`hex string has length ${digits.length}, want ${2 * lengthBytes} for ${goType}`)
    }
    if (!DIGITS.test(digits)) throw new Mismatch('invalid hex string', goType)
    return `0x${digits.toLowerCase()}`
  }
}

/** 20 bytes, lower case. */
export const address = fixedBytes('common.Address', 20)
/** 32 bytes, lower case. */
export const hash = fixedBytes('common.Hash', 32)

/** Any number of bytes, lower case. */
export const bytes: Codec<Hex> = (value) => {
  const digits = byteDigits(value, 'hexutil.Bytes')
  if (!DIGITS.test(digits)) throw new Mismatch('invalid hex string', 'hexutil.Bytes')
  return `0x${digits.toLowerCase()}`
}

/** The same as bytes. Node's decoder stops at what is no digit; it reads characters beyond Latin-1 by their low byte, so those are looked for. */
export const rawBytes: Codec<Uint8Array> = (value) => {
  const digits = byteDigits(value, 'hexutil.Bytes')
  const decoded = Buffer.from(digits, 'hex')
  if (2 * decoded.length !== digits.length || BEYOND_LATIN1.test(digits))
    throw new Mismatch('invalid hex string', 'hexutil.Bytes')
  return new Uint8Array(decoded)
}

const BEYOND_LATIN1 = /[\u0100-\uffff]/

/** What is wrong with a quantity (`0x`, no leading zeros, at most `bitsMax` bits), or its value. */
export function parseQuantity(value: string, bitsMax: 64 | 256): bigint | string {
  if (!/^0[xX]/.test(value)) return 'hex string without 0x prefix'
  const digits = value.slice(2)
  if (digits === '') return 'hex string "0x"'
  if (digits.length > 1 && digits[0] === '0') return 'hex number with leading zero digits'
  if (digits.length > bitsMax / 4) return `hex number > ${bitsMax} bits`
  if (!DIGITS.test(digits)) return 'invalid hex string'
  return BigInt(`0x${digits}`)
}

function quantity(goType: string, bitsMax: 64 | 256): Codec<bigint> {
  return (value) => {
    if (typeof value !== 'string') throw new Mismatch('non-string', goType)
    if (value === '') return 0n
    const parsed = parseQuantity(value, bitsMax)
    if (typeof parsed === 'string') throw new Mismatch(parsed, goType)
    return parsed
  }
}

export const uint64 = quantity('hexutil.Uint64', 64)
export const uint = quantity('hexutil.Uint', 64)
export const uint256 = quantity('*hexutil.Big', 256)

/** geth's HexOrDecimal64: a number, or a decimal or `0x` string. */
export const hexOrDecimal: Codec<bigint> = (value) => {
  const written = typeof value === 'number' ? String(value) : value
  if (typeof written !== 'string') throw new Mismatch(kindOf(value), 'math.HexOrDecimal64')
  const valid = /^(0[xX][0-9a-fA-F]{1,64}|[0-9]{1,78})?$/.test(written)
  const parsed = valid ? BigInt(written === '' ? 0 : written) : undefined
  if (parsed === undefined || parsed > UINT64_MAX)
    throw new DecodeError(`invalid hex or decimal integer ${JSON.stringify(written)}`)
  return parsed
}

/**
 * A storage slot as geth reads it: with or without `0x`, odd or short, padded on the left to 32 bytes. `short` says that it
 * was not written as 32 bytes, which `eth_getProof` echoes as a quantity.
 */
export type Slot = { readonly key: Hex; readonly short: boolean }

export function parseSlot(value: string): Slot | string {
  const prefixed = /^0[xX]/.test(value)
  let digits = prefixed ? value.slice(2) : value
  if (digits.length % 2 === 1) digits = `0${digits}`
  if (digits.length > 64) return `storage key too long (want at most 32 bytes): ${JSON.stringify(value)}`
  if (!DIGITS.test(digits)) return `invalid hex in storage key: ${JSON.stringify(value)}`
  return { key: `0x${digits.toLowerCase().padStart(64, '0')}`, short: digits.length < 64 }
}
