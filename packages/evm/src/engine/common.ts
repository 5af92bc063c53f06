import { hash } from 'node:crypto'
import { type Common, createCustomCommon, Hardfork, Mainnet } from '@ethereumjs/common'
import { keccak256 } from '../codec/keccak.ts'
import { recoverPublicKey } from '../codec/signature.ts'
import { verifyKzgProof } from './kzg.ts'

/** Prague rules under our chain id, with the fast curve and hashes. Another fork is for conformance tests. */
export function createChainCommon(chainId: bigint, hardfork: Hardfork = Hardfork.Prague): Common {
  return createCustomCommon({ chainId: Number(chainId), name: 'zerog' }, Mainnet, {
    hardfork,
    customCrypto: {
      keccak256,
      sha256: (message) => new Uint8Array(hash('sha256', message, 'buffer')),
      // The precompile passes 27 or 28 and catches what is thrown.
      ecrecover: (message, v, r, s) => {
        const signature = new Uint8Array(64)
        signature.set(r, 32 - r.length)
        signature.set(s, 64 - s.length)
        return recoverPublicKey(message, signature, Number(v - 27n))
      },
      kzg: { verifyProof: verifyKzgProof } as never,
    },
  })
}
