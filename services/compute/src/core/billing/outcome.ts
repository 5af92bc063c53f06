/** Statuses of a settlement (reference compute 1.3). */
export const SETTLEMENT_STATUS = { success: 0, partial: 1 } as const
export const SETTLEMENT_STATUS_NAMES = [
  'success',
  'partial',
  'provider_mismatch',
  'no_tee_signer',
  'invalid_nonce',
  'invalid_signature',
] as const

export type Claim = { readonly requestsHash: string; readonly sum: bigint; readonly nonce: bigint }

/** What the contract keeps about the last settlement of a user and provider. */
export type LastSettlement = {
  readonly requestsHash: string
  readonly nonce: bigint
  readonly claimed: bigint
  readonly paid: bigint
}

export type Outcome = { readonly status: number; readonly unpaid: bigint }

/** The outcome of a claim that the contract shows as its last one; undefined where it is another's: ours was not judged or was refused. */
export function outcomeOfState(claim: Claim, last: LastSettlement): Outcome | undefined {
  if (last.requestsHash !== claim.requestsHash || last.nonce !== claim.nonce) return undefined
  const unpaid = last.paid >= claim.sum ? 0n : claim.sum - last.paid
  return { status: unpaid === 0n ? SETTLEMENT_STATUS.success : SETTLEMENT_STATUS.partial, unpaid }
}

/** The outcome of a claim that the contract refused: everything is still owed. */
export function refusedOutcome(claim: Claim, status: number): Outcome {
  return { status, unpaid: claim.sum }
}

/** Whether a user can be settled with any effect, so that no gas is spent on a refusal that is known before. */
export function isSettleable(
  sum: bigint,
  facts: {
    /** undefined: no account */
    readonly account: { readonly balance: bigint; readonly acknowledged: boolean } | undefined
    readonly signerAcknowledged: boolean
  },
): boolean {
  if (sum === 0n) return true
  const { account, signerAcknowledged } = facts
  return signerAcknowledged && account?.acknowledged === true && account.balance > 0n
}
