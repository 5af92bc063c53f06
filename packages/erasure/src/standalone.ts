import { assert } from '@zerog/primitives'
import { RLC_BYTES } from './limits.ts'
import { merkleTree } from './merkle.ts'
import type { RowProof, StandaloneProof } from './proof.ts'
import { rlcAt } from './transcript.ts'

/**
 * Makes original rows prove themselves alone, for whoever has a bundle's vector and rows with their paths but not the bundle.
 * @param rlc k values of 16 bytes; that it belongs to the commitment is seen when a proof is verified
 */
export function standaloneFrom(rlc: Uint8Array): (proof: RowProof) => StandaloneProof {
  const tree = merkleTree(rlc.length / RLC_BYTES, (index) => rlcAt(rlc, index))
  return (proof) => {
    assert(proof.index * RLC_BYTES < rlc.length, 'only original rows prove themselves alone')
    return { ...proof, rlcPath: tree.path(proof.index) }
  }
}
