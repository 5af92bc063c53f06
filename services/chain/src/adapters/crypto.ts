import { hash } from 'node:crypto'
import { blstBls, blstMultisignature } from '@zerog/consensus/blst'
import type { Crypto } from '../app/network.ts'

/** BLS by blst, SHA-256 by Node. */
export const nodeCrypto: Crypto = {
  bls: blstBls,
  multisignature: blstMultisignature,
  sha256: (bytes) => new Uint8Array(hash('sha256', bytes, 'buffer')),
}
