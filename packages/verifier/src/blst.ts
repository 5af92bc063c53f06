import { aggregateSignatures, fastAggregateVerify, PublicKey, Signature } from '@chainsafe/blst'
import type { Multisignature } from '@zerog/consensus'

/** BLS12-381 by the native binding, for `verifyBundle` in Node: keys and signatures are checked to be points of the group. */
export const blstMultisignature: Multisignature = {
  verify: (publicKeys, message, signature) => {
    try {
      const keys = publicKeys.map((key) => PublicKey.fromBytes(key, true))
      return fastAggregateVerify(message, keys, Signature.fromBytes(signature, false), true)
    } catch {
      return false
    }
  },
  aggregate: (signatures) => {
    try {
      return aggregateSignatures(signatures.map((signature) => Signature.fromBytes(signature, true))).toBytes()
    } catch {
      return undefined
    }
  },
}
