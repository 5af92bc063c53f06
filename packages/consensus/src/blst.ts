import { aggregateSignatures, fastAggregateVerify, PublicKey, SecretKey, Signature, verify } from '@chainsafe/blst'
import type { Bls } from './randomness.ts'
import type { Multisignature } from './simplex/committee.ts'

// Native: for Node alone, and apart from the main entry, so that nothing in a browser meets it.

const PUBLIC_KEY_LENGTH = 48
const SIGNATURE_LENGTH = 96

/** BLS12-381 min-pk by the native blst binding: single signatures. Only compressed encodings, points in the subgroup, never infinity. */
export const blstBls: Bls = {
  publicKey: (secretKey) => SecretKey.fromBytes(secretKey).toPublicKey().toBytes(),
  sign: (secretKey, message) => SecretKey.fromBytes(secretKey).sign(message).toBytes(),
  verify: (publicKey, message, signature) => {
    try {
      return verify(message, parsePublicKey(publicKey), parseSignature(signature), false, true)
    } catch {
      return false
    }
  },
}

/**
 * The same for many keys and one message. Every key must have proven its possession (`verifyPossession`, or the registry of DA), else a rogue key forges.
 * Single signatures are not subgroup-checked before they are added: the sum is, and only the sum is ever passed on; it saves 60 µs a vote.
 */
export const blstMultisignature: Multisignature = {
  verify: (publicKeys, message, signature) => {
    try {
      return fastAggregateVerify(message, publicKeys.map(parsePublicKey), parseSignature(signature), true)
    } catch {
      return false
    }
  },
  aggregate: (signatures) => {
    try {
      return aggregateSignatures(signatures.map(parseSignature), false).toBytes()
    } catch {
      return undefined
    }
  },
}

/** A secret key from at least 32 bytes of seed (the standard's KeyGen). */
export function blsSecretKey(seed: Uint8Array): Uint8Array {
  return SecretKey.fromKeygen(seed).toBytes()
}

/** Parsing and checking a key costs as much as a tenth of a verification, and a validator's key is used for every vote of an epoch. */
const parsedKeys = new WeakMap<Uint8Array, PublicKey>()

/** The array is taken for immutable: a validator set never changes in place. */
function parsePublicKey(bytes: Uint8Array): PublicKey {
  const known = parsedKeys.get(bytes)
  if (known !== undefined) return known
  if (bytes.length !== PUBLIC_KEY_LENGTH) throw new RangeError('a public key has 48 bytes')
  const key = PublicKey.fromBytes(bytes, true)
  parsedKeys.set(bytes, key)
  return key
}

function parseSignature(bytes: Uint8Array): Signature {
  if (bytes.length !== SIGNATURE_LENGTH) throw new RangeError('a signature has 96 bytes')
  return Signature.fromBytes(bytes, false)
}
