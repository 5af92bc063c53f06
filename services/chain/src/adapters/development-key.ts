import { blsSecretKey } from '@zerog/consensus/blst'

/** The validator of the development network: public, like its accounts' keys. */
export function developmentSecretKey(): Uint8Array {
  return blsSecretKey(new TextEncoder().encode('zerog development validator 0, public key material'))
}
