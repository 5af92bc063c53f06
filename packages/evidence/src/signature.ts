import { secp256k1 } from '@noble/curves/secp256k1.js'
import { concatBytes, fromHex, type Hex, keccak256, toHex } from '@zerog/primitives'
import { invalid } from './wire.ts'

export const SIGNATURE_BYTES = 65

/** Deterministic (RFC 6979) secp256k1 signature of a 32-byte digest: `r ‖ s ‖ v`, s in the lower half, v 27 or 28. */
export function signDigest(digest: Hex, privateKey: Uint8Array): Hex {
  const signature = secp256k1.sign(fromHex(digest, 32), privateKey, { prehash: false, format: 'recovered', lowS: true })
  return toHex(concatBytes(signature.subarray(1), Uint8Array.of(27 + (signature[0] as number))))
}

/**
 * The address, in lower case, that signed a digest.
 * @throws ZerogError ENCODING_INVALID for anything that is not 65 bytes with v 27 or 28, s in the lower half and a point on the curve
 */
export function recoverSigner(digest: Hex, signature: Hex): Hex {
  const bytes = signatureBytes(signature)
  const recovery = (bytes[64] as number) - 27
  if (recovery !== 0 && recovery !== 1) throw invalid('the last byte of a signature is 27 or 28')
  let publicKey: Uint8Array
  try {
    const parsed = secp256k1.Signature.fromBytes(bytes.subarray(0, 64), 'compact')
    if (parsed.hasHighS()) throw invalid('s of a signature is in the lower half of the curve order')
    publicKey = parsed.addRecoveryBit(recovery).recoverPublicKey(fromHex(digest, 32)).toBytes(false)
  } catch (cause) {
    if ((cause as Error).name === 'ZerogError') throw cause
    throw invalid('no key can have made this signature')
  }
  return addressOf(publicKey)
}

/** Address of a private key, in lower case. */
export function addressOfKey(privateKey: Uint8Array): Hex {
  return addressOf(secp256k1.getPublicKey(privateKey, false))
}

function addressOf(publicKey: Uint8Array): Hex {
  return toHex(keccak256(publicKey.subarray(1)).subarray(12))
}

function signatureBytes(signature: Hex): Uint8Array {
  try {
    return fromHex(signature, SIGNATURE_BYTES)
  } catch {
    throw invalid('a signature is 65 bytes')
  }
}
