import { bls12_381 } from '@noble/curves/bls12-381.js'
import type { Member } from '@zerog/availability'
import { developmentDaNode } from '../development.ts'

/** Members 0 to count - 1 of the development network's committee, with equal stakes. About 10 ms each. */
export function developmentDaMembers(count: number): Member[] {
  return Array.from({ length: count }, (_, instance) => {
    const { address, blsSecretKey, socket } = developmentDaNode(instance)
    return { address, stake: 1n, key: bls12_381.longSignatures.getPublicKey(blsSecretKey).toBytes(false), socket }
  })
}
