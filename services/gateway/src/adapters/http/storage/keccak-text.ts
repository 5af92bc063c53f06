import { referenceHasher } from '@zerog/primitives'

export function keccak256Text(text: string): Buffer {
  return Buffer.from(referenceHasher.keccak256(new TextEncoder().encode(text)))
}
