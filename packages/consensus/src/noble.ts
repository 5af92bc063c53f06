import { bls12_381 } from '@noble/curves/bls12-381.js'
import type { Bls } from './randomness.ts'
import type { Multisignature } from './simplex/committee.ts'

// About 20 times slower than blst, but it runs wherever JavaScript does: for light clients in browsers, and as blst's oracle in tests.

const { longSignatures, G1 } = bls12_381
type KeyPoint = ReturnType<typeof longSignatures.getPublicKey>
type SignaturePoint = ReturnType<typeof longSignatures.hash>

/** The suite of Ethereum's consensus layer and of blst's binding; noble's own default is the one without proofs of possession. */
const SUITE = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_'

const PUBLIC_KEY_LENGTH = 48
const SIGNATURE_LENGTH = 96

/** BLS12-381 min-pk in JavaScript: only compressed encodings, points in the subgroup, never infinity. */
export const nobleBls: Bls = {
  publicKey: (secretKey) => longSignatures.getPublicKey(secretKey).toBytes(true),
  sign: (secretKey, message) => longSignatures.sign(hash(message), secretKey).toBytes(true),
  verify: (publicKey, message, signature) => nobleMultisignature.verify([publicKey], message, signature),
}

export const nobleMultisignature: Multisignature = {
  verify: (publicKeys, message, signature) => {
    try {
      if (publicKeys.length === 0) return false
      const key = longSignatures.aggregatePublicKeys(publicKeys.map(parsePublicKey))
      const point = parseSignature(signature)
      if (key.is0() || point.is0() || !point.isTorsionFree()) return false
      return longSignatures.verify(point, hash(message), key)
    } catch {
      return false
    }
  },
  aggregate: (signatures) => {
    try {
      return longSignatures.aggregateSignatures(signatures.map(parseSignature)).toBytes(true)
    } catch {
      return undefined
    }
  },
}

const hash = (message: Uint8Array): SignaturePoint => longSignatures.hash(message, SUITE)

function parsePublicKey(bytes: Uint8Array): KeyPoint {
  if (bytes.length !== PUBLIC_KEY_LENGTH) throw new RangeError('a public key has 48 bytes')
  const point = G1.Point.fromBytes(bytes)
  if (point.is0() || !point.isTorsionFree()) throw new RangeError('a public key is a point of the subgroup, not infinity')
  return point
}

function parseSignature(bytes: Uint8Array): SignaturePoint {
  if (bytes.length !== SIGNATURE_LENGTH) throw new RangeError('a signature has 96 bytes')
  return longSignatures.Signature.fromBytes(bytes)
}
