import type { Hex } from '@zerog/primitives'

/** A value that a test gives and no transaction or account can hold: the test expects a refusal for it. */
export class Unrepresentable extends Error {}

/** Objects of a test file, looked into field by field. */
export type Json = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `0x..` with any number of digits, decimal texts, JSON numbers and retesteth's `0x:bigint 0x..`; at most 256 bits. */
export function quantity(value: unknown, name: string): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  if (typeof value !== 'string') throw new SyntaxError(`${name} is not a quantity`)
  const text = value.replace(/^0x:bigint\s*/, '').trim()
  const number = text === '' || text === '0x' ? 0n : parse(text, name)
  if (number < 0n || number >= 1n << 256n) throw new Unrepresentable(`${name} does not fit into 256 bits`)
  return number
}

function parse(text: string, name: string): bigint {
  try {
    return BigInt(text)
  } catch {
    throw new SyntaxError(`${name} is not a quantity: ${text.slice(0, 40)}`)
  }
}

/** Bytes as hexadecimal text, with or without `0x`; an odd digit stands for a byte below 16. */
export function hexText(value: unknown, name: string): Hex {
  if (typeof value !== 'string') throw new SyntaxError(`${name} is not hexadecimal`)
  const digits = value.startsWith('0x') || value.startsWith('0X') ? value.slice(2) : value
  if (!/^[0-9a-fA-F]*$/.test(digits)) throw new SyntaxError(`${name} is not hexadecimal: ${value.slice(0, 40)}`)
  return `0x${digits.length % 2 === 1 ? '0' : ''}${digits.toLowerCase()}`
}

/** 20 bytes. */
export function addressText(value: unknown, name: string): Hex {
  const digits = hexText(value, name).slice(2)
  if (digits.length > 40) throw new SyntaxError(`${name} is longer than an address`)
  return `0x${digits.padStart(40, '0')}`
}

/** 32 bytes. */
export function wordText(value: unknown, name: string): Hex {
  return `0x${quantity(value, name).toString(16).padStart(64, '0')}`
}

export function list(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new SyntaxError(`${name} is not a list`)
  return value
}

export function object(value: unknown, name: string): Json {
  if (!isObject(value)) throw new SyntaxError(`${name} is not an object`)
  return value
}
