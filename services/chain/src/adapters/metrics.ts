import type { Meter } from '@zerog/ports'
import type { ChainBlock } from '../app/block-store.ts'

const SEAL_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Instruments of both targets, named zerog_chain_*. */
export function createChainMetrics(meter: Meter) {
  const transactions = meter.counter({
    name: 'zerog_chain_transactions_total',
    help: 'Transactions in blocks that this node showed.',
  })
  const gas = meter.counter({ name: 'zerog_chain_gas_total', help: 'Gas used by blocks that this node showed.' })
  const verified = meter.counter({
    name: 'zerog_chain_verified_transactions_total',
    help: 'Transactions that @ethereumjs/vm executed to the same result (verifyWith).',
  })
  const verification = meter.histogram({
    name: 'zerog_chain_verification_seconds',
    help: 'Time of the second execution of a block by @ethereumjs/vm (verifyWith).',
    buckets: SEAL_BUCKETS,
  })
  const seal = meter.histogram({
    name: 'zerog_chain_seal_seconds',
    help: 'From the start of building a block until it is durable and shown.',
    buckets: SEAL_BUCKETS,
  })
  return {
    shown: (block: Pick<ChainBlock, 'transactions' | 'header'>): void => {
      transactions.add(block.transactions.length)
      gas.add(Number(block.header.gasUsed))
    },
    sealed: (durationMs: number): void => seal.observe(durationMs / 1000),
    verified: (count: number, durationMs: number): void => {
      verified.add(count)
      verification.observe(durationMs / 1000)
    },
    head: (read: () => { readonly height: bigint; readonly timestampSeconds: bigint }): void => {
      meter.gauge({
        name: 'zerog_chain_head_height',
        help: 'Height of the head that this node shows.',
        read: () => Number(read().height),
      })
      meter.gauge({
        name: 'zerog_chain_head_timestamp_seconds',
        help: 'Unix time of the head that this node shows; without transactions there may be no newer one.',
        read: () => Number(read().timestampSeconds),
      })
    },
    certified: (read: () => { readonly epoch: bigint; readonly view: bigint }): void => {
      meter.gauge({
        name: 'zerog_chain_epoch',
        help: 'Epoch whose validators certified the head.',
        read: () => Number(read().epoch),
      })
      meter.gauge({
        name: 'zerog_chain_view',
        help: 'View of its epoch in which the head was proposed.',
        read: () => Number(read().view),
      })
    },
    historyFirst: (read: () => bigint): void =>
      void meter.gauge({
        name: 'zerog_chain_history_first_height',
        help: 'Lowest height whose state can be asked for.',
        read: () => Number(read()),
      }),
    lag: (read: () => number): void =>
      void meter.gauge({ name: 'zerog_chain_replica_lag_blocks', help: 'Blocks verified but not shown yet.', read }),
    pool: (
      read: () => { readonly transactions: number; readonly bytes: number; readonly senders: number },
      executable: () => boolean,
    ): void => {
      meter.gauge({
        name: 'zerog_chain_pool_executable',
        help: '1 while a transaction waits that could go into the next block.',
        read: () => (executable() ? 1 : 0),
      })
      meter.gauge({ name: 'zerog_chain_pool_transactions', help: 'Transactions that wait.', read: () => read().transactions })
      meter.gauge({ name: 'zerog_chain_pool_bytes', help: 'Bytes of transactions that wait.', read: () => read().bytes })
      meter.gauge({ name: 'zerog_chain_pool_senders', help: 'Senders with waiting transactions.', read: () => read().senders })
    },
  }
}
