import { type AnchorEntry, createBatchTree, decodeBatch, type SettlementEntry } from '@zerog/evidence'
import type { Hex } from '@zerog/primitives'

/** What a batch claims, computed from its DA blob alone. Amounts are wei. */
export type BatchAudit = {
  readonly chainId: bigint
  readonly provider: Hex
  readonly batchRoot: Hex
  readonly sum: bigint
  readonly users: readonly UserAudit[]
}

export type UserAudit = {
  readonly user: Hex
  /** As the settlement signs it. */
  readonly requestsHash: Hex
  /** As the settlement claims it: fees of this batch and what is carried. */
  readonly sum: bigint
  readonly receiptCount: number
  /** Carried from the settlement with this requestsHash. */
  readonly carry?: { readonly requestsHash: Hex; readonly amount: bigint }
}

/** What the chain says about a batch, from slots that were proven (`Facts`) or that the auditor's own node read. */
export type BatchFacts = {
  readonly anchor: AnchorEntry
  /** Last settlement by user, in lower case; one who settled a later batch since is left out. */
  readonly settlements: ReadonlyMap<Hex, SettlementEntry>
}

export type Difference = { readonly user?: Hex; readonly problem: string }

/**
 * Every user's total and requestsHash, and the batch root.
 * @throws ZerogError ENCODING_INVALID where the blob is no batch, LIMIT_EXCEEDED where its amounts exceed 128 bits
 */
export function auditBatch(blob: Uint8Array): BatchAudit {
  const batch = decodeBatch(blob)
  const tree = createBatchTree(batch)
  const users = tree.users.map(({ user, requestsHash, sum, count }, index): UserAudit => {
    const first = batch.users[index]?.claims[0]
    if (first?.kind !== 'carry') return { user, requestsHash, sum, receiptCount: count }
    return { user, requestsHash, sum, receiptCount: count - 1, carry: { requestsHash: first.commitment, amount: first.amount } }
  })
  return { chainId: batch.chainId, provider: batch.provider, batchRoot: tree.batchRoot, sum: tree.sum, users }
}

/** Where the chain says something else than the blob; nothing where every total agrees to the wei. */
export function compareBatch({ sum, users }: BatchAudit, { anchor, settlements }: BatchFacts): Difference[] {
  const differences: Difference[] = []
  if (BigInt(anchor.dataRoot) === 0n) differences.push({ problem: 'the batch is not anchored' })
  else if (anchor.sum !== sum) differences.push({ problem: `the anchor names ${anchor.sum} wei, the blob ${sum}` })
  for (const { user, requestsHash, sum: total } of users) {
    const settlement = settlements.get(user)
    if (settlement === undefined || total === 0n) continue
    if (settlement.requestsHash !== requestsHash) {
      differences.push({ user, problem: `the settlement is of ${settlement.requestsHash}, the blob gives ${requestsHash}` })
    }
    if (settlement.claimed !== total) {
      differences.push({ user, problem: `the settlement claimed ${settlement.claimed} wei, the blob gives ${total}` })
    }
    if (settlement.paid > settlement.claimed) differences.push({ user, problem: 'more was paid than claimed' })
  }
  return differences
}
