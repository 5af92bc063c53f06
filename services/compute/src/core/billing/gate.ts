/** What an account of 0G's ledger keeps back for the provider at all times: 1 0G in wei. */
export const LOCKED_MIN_WEI = 10n ** 18n

/** What is known of one user's money with this provider, wei. */
export type Balance = {
  /** Balance in the sub-account without what is about to be refunded. */
  readonly locked: bigint
  /** Answered and not yet settled: receipts that are or may become billable, open batches, carried amounts. */
  readonly unsettled: bigint
  /** Highest possible fees of requests that run now. */
  readonly reserved: bigint
}

/** What is missing for one more request that may cost `feeMax`; 0n where it may start. 0G's rule: locked >= unsettled + fee + 1 0G. */
export function missingFunds({ locked, unsettled, reserved }: Balance, feeMax: bigint): bigint {
  const needed = unsettled + reserved + feeMax + LOCKED_MIN_WEI
  return needed > locked ? needed - locked : 0n
}
