import { createBatchTree, decodeBatch, encodeSumProof, type UserTree } from '@zerog/evidence'
import { type Hex, ZerogError } from '@zerog/primitives'
import type { BatchPart } from './bundle.ts'
import { BATCH_HEAD_BYTES, CLAIM_BYTES, USER_HEAD_BYTES } from './places.ts'

export type FoundClaim = {
  readonly batch: BatchPart
  /** As `claimRanges` takes them. */
  readonly userOffset: number
  readonly claimIndex: number
}

/**
 * The part of a bundle that shows one receipt in its batch, from the blob that was published: for whoever makes evidence.
 * @param wanted.commitment `receiptCommitment` of the receipt and its salt
 * @throws ZerogError ENCODING_INVALID where the blob is no batch, NOT_FOUND where the claim is not in it
 */
export function findClaim(blob: Uint8Array, wanted: { readonly user: Hex; readonly commitment: Hex }): FoundClaim {
  const decoded = decodeBatch(blob)
  let userOffset = BATCH_HEAD_BYTES
  for (const { user, claims } of decoded.users) {
    const claimIndex = claims.findIndex(({ kind, commitment }) => kind === 'receipt' && commitment === wanted.commitment)
    if (user !== wanted.user || claimIndex < 0) {
      userOffset += USER_HEAD_BYTES + claims.length * CLAIM_BYTES
      continue
    }
    const tree = createBatchTree(decoded)
    const own = tree.users.find((candidate) => candidate.user === user) as UserTree // the tree has every user of the batch
    return {
      batch: {
        commitment: wanted.commitment,
        requestsHash: own.requestsHash,
        sum: own.sum,
        claimProof: encodeSumProof(own.prove(claimIndex)),
        batchRoot: tree.batchRoot,
        batchSum: tree.sum,
        userProof: encodeSumProof(tree.prove(user)),
      },
      userOffset,
      claimIndex,
    }
  }
  throw new ZerogError('NOT_FOUND', { message: `the batch holds no claim ${wanted.commitment} of user ${wanted.user}` })
}
