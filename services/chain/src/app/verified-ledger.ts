import { type ChainExecutor, verifyWithEthereumjs } from '@zerog/evm'
import type { Kv, Logger } from '@zerog/ports'
import { type Ledger, openLedger } from './ledger.ts'
import type { Crypto, Network } from './network.ts'

/** Told of each block that the second engine executed, with the same result. */
export type OnVerified = (transactions: number, durationMs: number) => void

export type VerifiedLedgerDeps = {
  readonly kv: Kv
  readonly executor: ChainExecutor
  readonly crypto: Crypto
  readonly logger: Logger
  /** undefined: blocks are executed once. */
  readonly onVerified: OnVerified | undefined
}

/** Blocks of a chain that was started without verification, between two lines of the log. */
const BLOCKS_PER_LINE = 1_000n

/**
 * Opens the ledger, and with `onVerified` puts the oracle before the executor: from then on no block is stored, voted on or announced
 * that @ethereumjs/vm does not execute to the same result.
 */
export async function openVerifiedLedger(
  network: Network,
  { kv, executor, crypto, logger, onVerified }: VerifiedLedgerDeps,
): Promise<{ readonly ledger: Ledger; readonly executor: ChainExecutor }> {
  if (onVerified === undefined) return { ledger: await openLedger(network, { kv, executor, crypto }), executor }
  let opened: Ledger | undefined
  const verified = await verifyWithEthereumjs(executor, {
    kv,
    chainId: network.chainId,
    blockHash: (height) => opened?.store.byHeight(height)?.hash,
    onVerified: ({ transactions }, durationMs) => onVerified(transactions.length, durationMs),
  })
  const ledger = await openLedger(network, { kv, executor: verified, crypto })
  opened = ledger
  const blocks = await verified.catchUp({
    head: ledger.head(),
    blockAt: ledger.store.byHeight,
    onProgress: (height) => {
      if (height % BLOCKS_PER_LINE === 0n) logger.info('verification_catching_up', { height, head: ledger.head().header.height })
    },
  })
  logger.info('verification_on', { verifyWith: 'ethereumjs', blocks })
  return { ledger, executor: verified }
}
