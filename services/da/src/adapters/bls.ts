import { aggregateSignatures, fastAggregateVerify, PublicKey, Signature } from '@chainsafe/blst'
import type { Multisignature } from '@zerog/consensus'

const PUBLIC_KEY_BYTES = 48
const SIGNATURE_BYTES = 96

/**
 * BLS12-381 min-pk sums by the native blst binding, with its tag BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_. Members proved the possession
 * of their keys when they registered. Only the sum of signatures is checked for its subgroup: it is all that is passed on.
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

/** A key is used for every window of its epoch, and a committee gives out always the same arrays. */
const parsedKeys = new WeakMap<Uint8Array, PublicKey>()

function parsePublicKey(bytes: Uint8Array): PublicKey {
  const known = parsedKeys.get(bytes)
  if (known !== undefined) return known
  if (bytes.length !== PUBLIC_KEY_BYTES) throw new RangeError('a public key has 48 bytes')
  const key = PublicKey.fromBytes(bytes, true)
  parsedKeys.set(bytes, key)
  return key
}

function parseSignature(bytes: Uint8Array): Signature {
  if (bytes.length !== SIGNATURE_BYTES) throw new RangeError('a signature has 96 bytes')
  return Signature.fromBytes(bytes, false)
}
