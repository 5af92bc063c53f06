import { blsSecretKey } from '@zerog/consensus/blst'
import { fromHex, type Hex, toHex } from '@zerog/primitives'
import { nodeCrypto } from './crypto.ts'

/** A new BLS secret key of a validator, 32 bytes. `entropy`: 32 random bytes. */
export function newValidatorKey(entropy: Uint8Array): Hex {
  return toHex(blsSecretKey(entropy))
}

/** What `validatorPublicKeys` holds for a secret key, 48 bytes. Throws for what is no key. */
export function validatorPublicKey(secretKey: Hex): Hex {
  return toHex(nodeCrypto.bls.publicKey(fromHex(secretKey, 32)))
}
