import { concatBytes, fromHex, type Hex, keccak256, toHex } from '@zerog/primitives'
import type { RouterSigner } from '../app/router/ports.ts'
import { answerSigner, recoverDigest } from './curve.ts'

/** EIP-191 over 32 raw bytes. */
const PREFIX = new TextEncoder().encode('\x19Ethereum Signed Message:\n32')

/** The router's account as a signer of session tokens and acknowledgements. */
export function routerSigner(privateKey: Hex): RouterSigner {
  const signer = answerSigner(fromHex(privateKey, 32))
  return {
    address: signer.address,
    sign: signer.sign,
    signMessage: (digest) => signer.sign(toHex(keccak256(concatBytes(PREFIX, fromHex(digest, 32))))),
    recover: recoverDigest,
  }
}
