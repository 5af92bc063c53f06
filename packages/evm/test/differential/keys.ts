import { createRequire } from 'node:module'
import type { Hex } from '@zerog/primitives'
import { privateKeyAddress } from '../../src/codec/signature.ts'
import { bytesToHex } from './words.ts'

// Signing takes 40 µs with the native library and a millisecond without; a case signs once or more.
const { ecdsaSign } = createRequire(import.meta.url)('secp256k1') as typeof import('secp256k1')

export const KEYS = 7

const privateKeys = Array.from({ length: KEYS }, (_, index) => {
  const key = new Uint8Array(32)
  key[31] = index + 1
  return key
})

/** Addresses of the keys 1 to 7. */
export const keyAddresses: readonly Hex[] = privateKeys.map((key): Hex => `0x${bytesToHex(privateKeyAddress(key))}`)

export function signDigest(
  digest: Uint8Array,
  key: number,
): { readonly r: string; readonly s: string; readonly recovery: number } {
  const { signature, recid } = ecdsaSign(digest, privateKeys[key] as Uint8Array)
  const hex = bytesToHex(signature)
  return { r: hex.slice(0, 64), s: hex.slice(64), recovery: recid }
}
