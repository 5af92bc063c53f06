import { createBatchTree, createUserTree, decodeBatch, type SumProof } from '@zerog/evidence'
import { type Hex, ZerogError } from '@zerog/primitives'
import type { Batch, BrokerRepository, StoredReceipt } from './repository.ts'

/** Where a receipt stands in its batch: with it anybody computes the batch root from the receipt. */
export type ReceiptProof = {
  readonly batch: Batch
  readonly requestsHash: Hex
  readonly userSum: bigint
  readonly commitment: Hex
  readonly amount: bigint
  readonly claimProof: SumProof
  readonly userProof: SumProof
  readonly batchSum: bigint
}

/** undefined while the receipt is in no batch. */
export async function receiptProof(
  { batch: place, receipt }: Pick<StoredReceipt, 'batch' | 'receipt'>,
  repository: Pick<BrokerRepository, 'batch' | 'batchBlob'>,
): Promise<ReceiptProof | undefined> {
  if (place === undefined) return undefined
  const [batch, blob] = await Promise.all([repository.batch(place.batchId), repository.batchBlob(place.batchId)])
  if (batch === undefined || blob === undefined) throw gone(place.batchId)
  const decoded = decodeBatch(blob)
  const claims = decoded.users.find(({ user }) => user === receipt.user)?.claims
  const claim = claims?.[place.leafIndex]
  if (claims === undefined || claim === undefined) throw gone(place.batchId)
  const tree = createBatchTree(decoded)
  const userTree = createUserTree(receipt.user, claims)
  return {
    batch,
    requestsHash: userTree.requestsHash,
    userSum: userTree.sum,
    commitment: claim.commitment,
    amount: claim.amount,
    claimProof: userTree.prove(place.leafIndex),
    userProof: tree.prove(receipt.user),
    batchSum: tree.sum,
  }
}

function gone(batchId: bigint): ZerogError {
  return new ZerogError('RECORD_CORRUPT', {
    message: `batch ${batchId} does not hold what its receipts say`,
    metadata: { batchId: String(batchId) },
  })
}
