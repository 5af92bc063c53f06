import { PublicKey, SecretKey, Signature, verify } from '@chainsafe/blst'
import type { Bls } from '@zerog/consensus'

/** BLS12-381 min-pk by the native blst binding. */
export const blstBls: Bls = {
  publicKey: (secretKey) => SecretKey.fromBytes(secretKey).toPublicKey().toBytes(),
  sign: (secretKey, message) => SecretKey.fromBytes(secretKey).sign(message).toBytes(),
  verify: (publicKey, message, signature) => {
    try {
      return verify(message, PublicKey.fromBytes(publicKey, true), Signature.fromBytes(signature, true))
    } catch {
      return false
    }
  },
}

/** A secret key from at least 32 bytes of seed (the standard's KeyGen). */
export function blsSecretKey(seed: Uint8Array): Uint8Array {
  return SecretKey.fromKeygen(seed).toBytes()
}
