import type { Clock, Logger } from '@zerog/ports'
import type { Hex } from '@zerog/primitives'
import type { RouterChain } from './ports.ts'

export type FundingOptions = {
  /** A sub-account below this is filled up, wei. */
  readonly accountMin: bigint
  /** What it is filled up to. */
  readonly accountTarget: bigint
  /** Smallest first deposit of a ledger; the contract demands 3 0G. */
  readonly ledgerMin: bigint
}

/** The contract's smallest opening of a sub-account. */
const OPENING_MIN = 10n ** 18n

export type Funding = {
  /** Fills up the sub-account at a provider where it is low; at once for one that said it is empty. */
  ensure(provider: Hex): Promise<void>
}

/** Keeps money at every provider that is used: wallet to ledger, ledger to sub-accounts. One transaction at a time. */
export function createFunding(
  options: FundingOptions,
  deps: { readonly chain: RouterChain; readonly clock: Clock; readonly logger: Logger },
): Funding {
  const { chain, logger } = deps
  let last: Promise<void> = Promise.resolve()
  const waiting = new Map<Hex, Promise<void>>()

  async function fill(provider: Hex): Promise<void> {
    const account = await chain.account(provider)
    const usable = account === undefined ? 0n : account.balance - account.pendingRefund
    if (account !== undefined && usable >= options.accountMin) return
    const missing = options.accountTarget - usable
    const amount = account === undefined && missing < OPENING_MIN ? OPENING_MIN : missing
    const ledger = await chain.ledger()
    const available = ledger?.available ?? 0n
    if (available < amount) {
      const deposit = amount - available
      await chain.deposit(ledger === undefined && deposit < options.ledgerMin ? options.ledgerMin : deposit)
    }
    await chain.transfer(provider, amount)
    logger.info('provider_funded', { provider, amount: String(amount) })
  }

  return {
    ensure(provider) {
      const running = waiting.get(provider)
      if (running !== undefined) return running
      const mine = last.then(() => fill(provider)).finally(() => waiting.delete(provider))
      waiting.set(provider, mine)
      last = mine.catch(() => {})
      return mine
    },
  }
}
