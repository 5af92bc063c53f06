import type { BlockEnvironment, ExecutedBlock, Executor, Header, Log, Receipt, Transaction } from '@zerog/evm'
import type { Hex } from '@zerog/primitives'
import type { Finality } from './finality.ts'

export type { Header, Log, Receipt, Transaction }

/** A block as stored: `latest` = `safe` = `finalized`, only finalized blocks are ever visible. */
export type StoredBlock = ExecutedBlock & {
  readonly timestampMs: number
  /** Bytes of the encoded block. */
  readonly sizeBytes: number
}

export type LocatedTransaction = {
  readonly transaction: Transaction
  readonly receipt: Receipt
  readonly block: StoredBlock
  readonly index: number
  readonly logIndexFirst: number
}

/** What became of one of many transactions: what `submit` would have resolved with, or thrown. */
export type Submitted = { readonly hash: Hex } | { readonly error: unknown }

/** Everything the JSON-RPC methods need; a validator and a chain-rpc replica both implement it. */
export type ChainBackend = {
  readonly chainId: bigint
  readonly executor: Executor
  readonly head: () => StoredBlock
  readonly blockByHeight: (height: bigint) => StoredBlock | undefined
  readonly blockByHash: (hash: Hex) => StoredBlock | undefined
  readonly transaction: (hash: Hex) => LocatedTransaction | undefined
  /** What proves that a block is final; undefined where there is no such block. */
  readonly finality: (height: bigint) => Finality | undefined
  /** Bloom-filtered scan, ends included. */
  readonly blocksWithLogs: (options: {
    readonly fromHeight: bigint
    readonly toHeight: bigint
    readonly mayMatch: (bloom: Hex) => boolean
  }) => Iterable<StoredBlock>
  /** The environment in which a call on top of (`pending`) or inside (`latest`) a block runs. */
  readonly callEnvironment: (block: StoredBlock, tag: 'at' | 'pending') => BlockEnvironment
  /** The base fee of the block after `block`. */
  readonly nextBaseFee: (block: StoredBlock) => bigint
  /** Lowest tip that the pool accepts, wei. */
  readonly minPriorityFee: () => bigint
  /** Pool: on a replica these go to the validator. */
  readonly submit: (raw: Uint8Array) => Promise<Hex>
  /** The same for many at once, in their order: one recovery of all senders, one sync. Never rejects for a refusal. */
  readonly submitAll: (raws: readonly Uint8Array[]) => Promise<readonly Submitted[]>
  readonly pendingNonce: (address: Hex) => Promise<bigint>
  readonly pooled: (hash: Hex) => Promise<Transaction | undefined>
  readonly poolContent: () => Promise<{ readonly pending: readonly Transaction[]; readonly queued: readonly Transaction[] }>
  /** Synchronously after a block became visible. Returns how to stop listening. */
  readonly onBlock: (listener: (block: StoredBlock) => void) => () => void
  readonly onPooled: (listener: (transaction: Transaction) => void) => () => void
  /** Resolves when the head is at least this high; rejects with REPLICA_BEHIND when the signal aborts first. */
  readonly waitForHeight: (height: bigint, signal: AbortSignal) => Promise<void>
  /** Well-known development accounts that this node may sign for (31337 only), else empty. */
  readonly accounts: readonly Hex[]
  readonly sign?: (
    address: Hex,
    payload: Uint8Array,
  ) => Promise<{ readonly r: bigint; readonly s: bigint; readonly yParity: 0 | 1 }>
  /** Only in `--chain-only` devnets: revert, time travel, impersonation, setBalance, mining on request. */
  readonly dev?: DevControls
}

export type DevControls = {
  readonly mine: (blocks: number) => Promise<void>
  readonly snapshot: () => Promise<bigint>
  readonly revert: (id: bigint) => Promise<boolean>
  readonly increaseTime: (seconds: bigint) => Promise<bigint>
  readonly setNextBlockTimestamp: (seconds: bigint) => Promise<void>
  readonly setBalance: (address: Hex, balance: bigint) => Promise<void>
  readonly setCode: (address: Hex, code: Hex) => Promise<void>
  readonly setNonce: (address: Hex, nonce: bigint) => Promise<void>
  readonly setStorageAt: (address: Hex, slot: Hex, value: Hex) => Promise<void>
  readonly impersonate: (address: Hex, on: boolean) => Promise<void>
  readonly setAutomine: (on: boolean) => Promise<void>
  readonly setIntervalMining: (intervalMs: number) => Promise<void>
}
