import { concatBytes } from '@zerog/primitives'
import type { Bls } from './randomness.ts'

const DOMAIN = new TextEncoder().encode('zerog/bls/possession/v1')

/** What the owner of a public key signs to prove that the secret key is his: domain || public key 48. */
export function possessionMessage(publicKey: Uint8Array): Uint8Array {
  return concatBytes(DOMAIN, publicKey)
}

/**
 * Proof of possession, 96 bytes. Without it somebody registers `his key - the others' keys` and signs for all of them alone
 * (Ristenpart and Yilek, "The Power of Proofs-of-Possession", 2007; draft-irtf-cfrg-bls-signature 3.3).
 */
export function provePossession(secretKey: Uint8Array, bls: Bls): Uint8Array {
  return bls.sign(secretKey, possessionMessage(bls.publicKey(secretKey)))
}

/** Must hold for a key before it enters a validator set. */
export function verifyPossession(publicKey: Uint8Array, proof: Uint8Array, bls: Bls): boolean {
  return bls.verify(publicKey, possessionMessage(publicKey), proof)
}
