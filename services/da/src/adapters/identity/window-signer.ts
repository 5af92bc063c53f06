import { SecretKey } from '@chainsafe/blst'
import type { WindowSigner } from '../../app/node/window-signer.ts'

/** BLS12-381 min-pk with the tag BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_, which is blst's own. @param secretKey 32 bytes, big-endian */
export function blsWindowSigner(secretKey: Uint8Array): WindowSigner {
  const key = SecretKey.fromBytes(secretKey)
  return { key: key.toPublicKey().toBytes(false), sign: (message) => key.sign(message).toBytes() }
}
