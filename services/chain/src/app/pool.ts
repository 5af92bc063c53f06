import { decodeTransaction, type Executor, intrinsicGas, type Transaction } from '@zerog/evm'
import type { Kv, KvWrite, Logger } from '@zerog/ports'
import { bigintToBytes, bytesToBigint, type Hex, ZerogError } from '@zerog/primitives'
import { createMempool, POOL_LIMITS, type PoolLimits, type PoolRules, type SenderState } from '../core/mempool.ts'
import type { ChainBlock } from './block-store.ts'
import { chunkKey, chunkWrites, readChunks, TABLES } from './block-store.ts'
import type { Ledger } from './ledger.ts'

export type Pool = Awaited<ReturnType<typeof openPool>>

export type PoolDeps = { readonly kv: Kv; readonly executor: Executor; readonly ledger: Ledger; readonly logger: Logger }

export type PoolOptions = {
  readonly chainId: bigint
  readonly rules: PoolRules
  readonly limits?: Partial<PoolLimits>
  /** Development: accounts with code may send, because they can be impersonated. */
  readonly contractSenders?: boolean
}

/** The mempool with its journal: a transaction whose hash was returned is there again after a crash. */
export async function openPool(
  { chainId, rules, limits, contractSenders = false }: PoolOptions,
  { kv, executor, ledger, logger }: PoolDeps,
) {
  const pool = createMempool({ ...POOL_LIMITS, ...limits }, { intrinsicGas })
  /** Where each transaction is journalled. */
  const places = new Map<Hex, { readonly key: Uint8Array; readonly chunks: number }>()
  const listeners = new Set<(transaction: Transaction) => void>()
  const wakers = new Set<() => void>()
  let arrival = 0n

  const journal = (transaction: Transaction): KvWrite[] => {
    const key = bigintToBytes(arrival++, 8)
    const writes = chunkWrites(TABLES.pool, key, transaction.raw)
    places.set(transaction.hash, { key, chunks: writes.length })
    return writes
  }
  const strike = (hash: Hex): KvWrite[] => {
    const place = places.get(hash)
    if (place === undefined) return []
    places.delete(hash)
    return deletions(place.key, place.chunks)
  }
  const senderState = async (block: ChainBlock, sender: Hex): Promise<SenderState> => {
    const account = await executor.account(block.header.stateRoot, sender)
    if (account === undefined) return { nonce: 0n, balance: 0n }
    const contract =
      !contractSenders &&
      account.codeHash !== EMPTY_CODE &&
      !(await executor.code(block.header.stateRoot, sender)).startsWith('0xef0100')
    return { nonce: account.nonce, balance: account.balance, ...(contract && { contract }) }
  }
  /** Adds on the state of the head; starts over if a block arrived meanwhile, so a stale nonce never enters. */
  const addToHead = async (transaction: Transaction) => {
    for (;;) {
      const head = ledger.head()
      const state = await senderState(head, transaction.from)
      if (ledger.head() !== head) continue
      const outcome = pool.add(transaction, state, rules)
      // Journalled in the same turn, so nobody ever sees a transaction that is in the pool but not in the journal.
      if ('added' in outcome && !places.has(transaction.hash)) {
        kv.write([...outcome.removed.flatMap(({ hash }) => strike(hash)), ...journal(transaction)])
      }
      return outcome
    }
  }

  await restore()

  async function restore(): Promise<void> {
    const stale: KvWrite[] = []
    const keys = new Map<bigint, number>()
    for (const [key] of kv.range(TABLES.pool)) {
      const name = bytesToBigint(key.subarray(0, 8))
      keys.set(name, (keys.get(name) ?? 0) + 1)
    }
    for (const [name, chunks] of keys) {
      const key = bigintToBytes(name, 8)
      arrival = name + 1n
      const transaction = readJournal(key)
      if (transaction === undefined) {
        stale.push(...deletions(key, chunks))
        continue
      }
      places.set(transaction.hash, { key, chunks })
      const outcome = await addToHead(transaction)
      for (const { hash } of 'added' in outcome ? outcome.removed : [transaction]) stale.push(...strike(hash))
    }
    if (stale.length > 0) kv.write(stale)
    logger.info('pool_restored', { transactions: pool.size().transactions, dropped: stale.length })
  }

  /** undefined for what no longer counts: the stand-in signature of an account that was impersonated. */
  function readJournal(key: Uint8Array): Transaction | undefined {
    const raw = readChunks(kv, TABLES.pool, key)
    try {
      return raw && decodeTransaction(raw, { chainId })
    } catch (error) {
      logger.warn('pool_entry_dropped', { error })
      return undefined
    }
  }

  return {
    get: pool.get,
    size: pool.size,
    content: pool.content,
    all: pool.all,
    candidates: pool.candidates,
    executable: pool.executable,
    pendingNonce: async (sender: Hex): Promise<bigint> =>
      pool.pendingNonce(sender) ?? (await senderState(ledger.head(), sender)).nonce,
    /** Resolves with the hash when the journal is on disk. Throws INVALID_ARGUMENT or TRANSACTION_REFUSED with geth's text. */
    submit: async (transaction: Transaction): Promise<Hex> => {
      const outcome = await addToHead(transaction)
      if ('refused' in outcome) {
        const { message, known, full } = outcome.refused
        // Wallets take "already known" as success, so it promises as much as a hash.
        if (known) await kv.flush()
        if (full) throw new ZerogError('QUEUE_FULL', { message, retryAfterMs: 1_000 })
        throw new ZerogError('TRANSACTION_REFUSED', { message, ...(known && { metadata: { known: 'true' } }) })
      }
      for (const wake of wakers) wake()
      await kv.flush()
      for (const listener of [...listeners]) listener(transaction)
      return transaction.hash
    },
    /** Puts transactions back that a development chain took out of its blocks. */
    putBack: async (transactions: readonly Transaction[]): Promise<void> => {
      for (const transaction of transactions) await addToHead(transaction)
    },
    /**
     * What a new head means for the pool: the journal writes that belong into the block's commit, and the change itself, to be
     * applied in the turn in which the block becomes visible.
     */
    prepare: async (
      block: ChainBlock['header'],
      touched: ReadonlySet<Hex>,
      dropped: readonly Hex[],
      included: readonly Hex[],
    ) => {
      const states = new Map<Hex, SenderState>()
      for (const sender of touched) states.set(sender, await senderState({ header: block } as ChainBlock, sender))
      return {
        writes: [...dropped, ...included].flatMap((hash) => strike(hash)),
        apply: (): void => {
          for (const hash of dropped) pool.remove(hash)
          const stale = [...states].flatMap(([sender, state]) => pool.refresh(sender, state))
          const late = stale.flatMap(({ hash }) => strike(hash))
          if (late.length > 0) kv.write(late)
        },
      }
    },
    clear: (): void => {
      const writes = pool.all().flatMap(({ hash }) => {
        pool.remove(hash)
        return strike(hash)
      })
      kv.write(writes)
    },
    onPooled: (listener: (transaction: Transaction) => void): (() => void) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    /** Called whenever there may be something to put into a block. */
    onWork: (wake: () => void): (() => void) => {
      wakers.add(wake)
      return () => void wakers.delete(wake)
    },
  }
}

const EMPTY_CODE = '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'

function deletions(key: Uint8Array, chunks: number): KvWrite[] {
  return Array.from({ length: chunks }, (_, index) => ({ table: TABLES.pool, key: chunkKey(key, index), value: null }))
}
