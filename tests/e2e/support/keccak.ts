import { fromHex, hashPair, referenceHasher, toHex } from '@zerog/primitives'

/** Keccak of two nodes in hexadecimal, by the reference. */
export function hashPairHex(left: string, right: string): string {
  return toHex(hashPair(referenceHasher, fromHex(left), fromHex(right)))
}
