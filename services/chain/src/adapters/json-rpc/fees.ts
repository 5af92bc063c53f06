import type { ChainBackend, StoredBlock } from '../../app/chain-backend.ts'
import { effectiveTip } from './format/transaction.ts'

const BLOCKS = 20
const TIPS_PER_BLOCK = 3
const PERCENTILE = 60

/**
 * A tip that gets a transaction in soon, wei per gas; never below what the pool accepts. While blocks have room the minimum
 * is enough, whatever others pay; so only blocks at least half full count, by geth's rule: the three lowest tips of each of
 * the last 20, the 60th percentile of these.
 */
export function suggestTip(backend: ChainBackend): bigint {
  const head = backend.head().header.height
  const tips: bigint[] = []
  for (let height = head; height > 0n && head - height < BLOCKS; height--) {
    const block = backend.blockByHeight(height)
    if (block !== undefined && 2n * block.header.gasUsed >= block.header.gasLimit) tips.push(...lowestTips(block))
  }
  const minimum = backend.minPriorityFee()
  const suggested = tips.sort(ascending)[Math.floor(((tips.length - 1) * PERCENTILE) / 100)] ?? minimum
  if (suggested < minimum) return minimum
  return suggested
}

function lowestTips(block: StoredBlock): readonly bigint[] {
  return block.transactions
    .map((transaction) => effectiveTip(transaction, block.header.baseFeePerGas))
    .sort(ascending)
    .slice(0, TIPS_PER_BLOCK)
}

/** For sorting bigints. */
export function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}
