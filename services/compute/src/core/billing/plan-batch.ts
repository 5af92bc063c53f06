import { type Batch, type BatchTree, type ClaimLeaf, createBatchTree, receiptCommitment } from '@zerog/evidence'
import { fromHex, type Hex } from '@zerog/primitives'

/** What one user owes and may be settled now. */
export type Claimant = {
  readonly user: Hex
  /** Of the account on chain; the settlement's is above it. */
  readonly accountNonce: bigint
  readonly carry: { readonly requestsHash: Hex; readonly amount: bigint } | undefined
  readonly receipts: readonly ClaimedReceipt[]
}

export type ClaimedReceipt = {
  readonly id: string
  readonly receiptHash: Hex
  readonly salt: Hex
  readonly fee: bigint
  readonly nonce: bigint
}

export type PlannedUser = {
  readonly user: Hex
  readonly requestsHash: Hex
  readonly root: Hex
  readonly sum: bigint
  readonly receiptCount: number
  readonly carry: Claimant['carry']
  /** 0n where the sum is 0: that is anchored, not settled. */
  readonly nonce: bigint
  /** In leaf order; the first leaf is the carry where there is one. */
  readonly receiptIds: readonly string[]
}

export type PlannedBatch = { readonly batch: Batch; readonly tree: BatchTree; readonly users: readonly PlannedUser[] }

/**
 * One batch over the claims of all users. The same claims give the same batch in whatever order they come. Throws LIMIT_EXCEEDED for
 * sums beyond 128 bits.
 */
export function planBatch(
  owner: { readonly chainId: bigint; readonly provider: Hex },
  claimants: readonly Claimant[],
  nowMs: number,
): PlannedBatch {
  const ordered = claimants.map((claimant) => ({ ...claimant, receipts: byNonce(claimant.receipts) })).sort(byUser)
  const batch: Batch = { ...owner, users: ordered.map((claimant) => ({ user: claimant.user, claims: claimsOf(claimant) })) }
  const tree = createBatchTree(batch)
  const users = ordered.map((claimant, index): PlannedUser => {
    const { requestsHash, root, sum } = tree.users[index] as (typeof tree.users)[number] // one tree per user of the batch
    return {
      user: claimant.user,
      requestsHash,
      root,
      sum,
      receiptCount: claimant.receipts.length,
      carry: claimant.carry,
      nonce: sum === 0n ? 0n : settlementNonce(claimant.accountNonce, nowMs),
      receiptIds: claimant.receipts.map(({ id }) => id),
    }
  })
  return { batch, tree, users }
}

/** Claims in the order of their leaves. */
export function claimsOf({ carry, receipts }: Pick<Claimant, 'carry' | 'receipts'>): readonly ClaimLeaf[] {
  const carried: ClaimLeaf[] =
    carry === undefined ? [] : [{ kind: 'carry', commitment: carry.requestsHash, amount: carry.amount }]
  const claimed = receipts.map(
    ({ receiptHash, salt, fee }): ClaimLeaf => ({
      kind: 'receipt',
      commitment: receiptCommitment(receiptHash, fromHex(salt, 32)),
      amount: fee,
    }),
  )
  return [...carried, ...claimed]
}

/** Above everything that the account saw, and rising with the clock where two databases ever meet one account. */
function settlementNonce(accountNonce: bigint, nowMs: number): bigint {
  const byClock = BigInt(nowMs)
  return byClock > accountNonce ? byClock : accountNonce + 1n
}

function byNonce(receipts: readonly ClaimedReceipt[]): readonly ClaimedReceipt[] {
  return [...receipts].sort((a, b) => (a.nonce < b.nonce ? -1 : 1))
}

function byUser(a: Claimant, b: Claimant): number {
  return a.user < b.user ? -1 : 1
}
