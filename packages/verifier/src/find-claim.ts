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

/** @throws ZerogError NOT_FOUND where the claim is not in the batch */
export type ClaimFinder = (wanted: {
  readonly user: Hex
  /** `receiptCommitment` of the receipt and its salt */
  readonly commitment: Hex
}) => FoundClaim

/**
 * Finds receipts in a batch, from the blob that was published: for whoever makes evidence of many of them. The trees of 10,000 claims are
 * made once, in a quarter of a second.
 * @throws ZerogError ENCODING_INVALID where the blob is no batch
 */
export function openBatch(blob: Uint8Array): ClaimFinder {
  const decoded = decodeBatch(blob)
  const tree = createBatchTree(decoded)
  const places = new Map<string, { readonly own: UserTree; readonly userOffset: number; readonly claimIndex: number }>()
  let userOffset = BATCH_HEAD_BYTES
  for (const [index, { user, claims }] of decoded.users.entries()) {
    const own = tree.users[index] as UserTree // the tree has every user of the batch, in its order
    for (const [claimIndex, { kind, commitment }] of claims.entries()) {
      const key = `${user} ${commitment}`
      if (kind === 'receipt' && !places.has(key)) places.set(key, { own, userOffset, claimIndex })
    }
    userOffset += USER_HEAD_BYTES + claims.length * CLAIM_BYTES
  }
  return ({ user, commitment }) => {
    const found = places.get(`${user} ${commitment}`)
    if (found === undefined) {
      throw new ZerogError('NOT_FOUND', { message: `the batch holds no claim ${commitment} of user ${user}` })
    }
    const { own, claimIndex } = found
    return {
      batch: {
        commitment,
        requestsHash: own.requestsHash,
        sum: own.sum,
        claimProof: encodeSumProof(own.prove(claimIndex)),
        batchRoot: tree.batchRoot,
        batchSum: tree.sum,
        userProof: encodeSumProof(tree.prove(user)),
      },
      userOffset: found.userOffset,
      claimIndex,
    }
  }
}

/** One claim of `openBatch`. */
export function findClaim(blob: Uint8Array, wanted: Parameters<ClaimFinder>[0]): FoundClaim {
  return openBatch(blob)(wanted)
}
