import {
  decodeTransaction,
  type Executor,
  type Header,
  intrinsicGas,
  rlpDecode,
  rlpEncode,
  type Transaction,
  toBytes,
  toList,
} from '@zerog/evm'
import type { Kv, KvWrite, Logger } from '@zerog/ports'
import { assert, bigintToBytes, bytesToBigint, concatBytes, type Hex, ZerogError } from '@zerog/primitives'
import {
  type AddOutcome,
  createMempool,
  POOL_LIMITS,
  type PoolLimits,
  type PoolRefusal,
  type PoolRules,
  type SenderState,
} from '../core/mempool.ts'
import { chunkKey, chunkWrites, readChunks, TABLES } from './block-store.ts'
import type { Submitted } from './chain-backend.ts'
import type { Ledger } from './ledger.ts'

/** Where a transaction is journalled, and how many of that entry still wait. */
type Place = { readonly key: Uint8Array; readonly chunks: number; left: number }

/** Blocks that an answer waits for before it asks for a sync of its own: the one that is being made may have begun without it. */
const ROUNDS_AWAITED_MAX = 2

/** Senders whose state is remembered until the next block. */
const SENDER_STATES_MAX = 10_000

export type Pool = Awaited<ReturnType<typeof openPool>>

export type PoolDeps = {
  readonly kv: Kv
  readonly executor: Executor
  readonly ledger: Ledger
  readonly logger: Logger
  /** Resolves with the block that is being made or about to be, or because that takes long; undefined while none is. Default: none ever is. */
  readonly blockUnderway?: () => Promise<void> | undefined
}

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
  { kv, executor, ledger, logger, blockUnderway = () => undefined }: PoolDeps,
) {
  const pool = createMempool({ ...POOL_LIMITS, ...limits }, { intrinsicGas })
  /** Where each transaction is journalled. */
  const places = new Map<Hex, Place>()
  /** Those of a block whose commit, which strikes them off the journal, has not ended. */
  const committing = new Set<Hex>()
  const listeners = new Set<(transaction: Transaction) => void>()
  const wakers = new Set<() => void>()
  let arrival = 0n

  /** One entry for all that arrived together. It is deleted with the last of them; until then a restart judges the others again. */
  const journal = (transactions: readonly Transaction[]): KvWrite[] => {
    if (transactions.length === 0) return []
    const key = bigintToBytes(arrival++, 8)
    const writes = chunkWrites(TABLES.pool, key, encodeEntry(transactions))
    const place = { key, chunks: writes.length, left: transactions.length }
    for (const { hash } of transactions) places.set(hash, place)
    return writes
  }
  const strike = (hash: Hex): KvWrite[] => {
    const place = places.get(hash)
    if (place === undefined) return []
    places.delete(hash)
    place.left -= 1
    return place.left > 0 ? [] : deletions(place.key, place.chunks)
  }
  const senderState = async ({ stateRoot }: Header, sender: Hex): Promise<SenderState> => {
    const account = await executor.account(stateRoot, sender)
    if (account === undefined) return { nonce: 0n, balance: 0n }
    const contract =
      !contractSenders && account.codeHash !== EMPTY_CODE && !(await executor.code(stateRoot, sender)).startsWith('0xef0100')
    return { nonce: account.nonce, balance: account.balance, ...(contract && { contract }) }
  }
  /** States on the head, of senders that sent something since it came. */
  let states = new Map<Hex, SenderState>()
  let statesOf: Header | undefined
  const unknownAtHead = (senders: ReadonlySet<Hex>): Hex[] => {
    const head = ledger.head().header
    if (statesOf !== head || states.size > SENDER_STATES_MAX) states.clear()
    statesOf = head
    return [...senders].filter((sender) => !states.has(sender))
  }
  /** Adds on the state of the head, in order; a stale nonce never enters. */
  const addToHead = async (transactions: readonly Transaction[]): Promise<AddOutcome[]> => {
    const senders = new Set(transactions.map(({ from }) => from))
    for (let unknown = unknownAtHead(senders); unknown.length > 0; unknown = unknownAtHead(senders)) {
      const head = ledger.head().header
      for (const sender of unknown) {
        const state = await senderState(head, sender)
        if (statesOf === head) states.set(sender, state)
      }
    }
    // From here on in one turn, so nobody ever sees a transaction that is in the pool but not in the journal.
    const fresh = new Map<Hex, Transaction>()
    const struck: KvWrite[] = []
    const outcomes = transactions.map((transaction) => {
      const outcome = pool.add(transaction, states.get(transaction.from) as SenderState, rules) // read above
      if (!('added' in outcome)) return outcome
      // What is journalled already comes from the journal.
      if (!places.has(transaction.hash)) fresh.set(transaction.hash, transaction)
      for (const { hash } of outcome.removed) if (!fresh.delete(hash)) struck.push(...strike(hash))
      return outcome
    })
    const writes = [...struck, ...journal([...fresh.values()])]
    if (writes.length > 0) kv.write(writes)
    return outcomes
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
      const transactions = readJournal(key)
      if (transactions.length === 0) stale.push(...deletions(key, chunks))
      const place = { key, chunks, left: transactions.length }
      for (const { hash } of transactions) places.set(hash, place)
      const outcomes = await addToHead(transactions)
      for (const [index, outcome] of outcomes.entries()) {
        if (!('added' in outcome)) stale.push(...strike((transactions[index] as Transaction).hash)) // one outcome for each
      }
    }
    if (stale.length > 0) kv.write(stale)
    logger.info('pool_restored', { transactions: pool.size().transactions, dropped: stale.length })
  }

  /** Without what no longer counts: the stand-in signature of an account that was impersonated. */
  function readJournal(key: Uint8Array): Transaction[] {
    const entry = readChunks(kv, TABLES.pool, key)
    return decodeEntry(entry ?? new Uint8Array(0)).flatMap((raw) => {
      try {
        return [decodeTransaction(raw, { chainId })]
      } catch (error) {
        logger.warn('pool_entry_dropped', { error })
        return []
      }
    })
  }

  /**
   * Resolves when transactions that were just written are on disk. A block that is under way is waited for, because its commit takes them
   * along: in it, or in the journal. So under load, and for a single transaction on a chain that seals on demand, there is one sync, not two,
   * and what enters and leaves the journal meanwhile never reaches the disk.
   */
  const durable = async (transactions: readonly Transaction[]): Promise<void> => {
    for (let rounds = 0; rounds < ROUNDS_AWAITED_MAX; rounds++) {
      const underway = blockUnderway()
      if (underway === undefined) break
      await underway
      if (transactions.every(({ hash }) => !places.has(hash) && !committing.has(hash))) return
    }
    await kv.flush()
  }

  /**
   * Resolves when the journal is on disk: with the hash, or INVALID_ARGUMENT or TRANSACTION_REFUSED with geth's text. What could
   * not be decoded passes through.
   */
  const submitAll = async (decoded: readonly (Transaction | { readonly error: unknown })[]): Promise<Submitted[]> => {
    const transactions = decoded.filter((item) => 'hash' in item)
    const outcomes = await addToHead(transactions)
    if (outcomes.some((outcome) => 'added' in outcome)) for (const wake of wakers) wake()
    // Wallets take "already known" as success, so it promises as much as a hash.
    const promised = transactions.filter((_, index) => {
      const outcome = outcomes[index] as AddOutcome // one outcome for each
      return 'added' in outcome || outcome.refused.known
    })
    if (promised.length > 0) await durable(promised)
    const submitted = outcomes.map((outcome, index): Submitted => {
      if ('refused' in outcome) return { error: refusalOf(outcome.refused) }
      const transaction = transactions[index] as Transaction // one outcome for each
      for (const listener of listeners) listener(transaction)
      return { hash: transaction.hash }
    })
    let next = 0
    return decoded.map((item) => ('hash' in item ? (submitted[next++] as Submitted) : item))
  }

  return {
    get: pool.get,
    size: pool.size,
    content: pool.content,
    all: pool.all,
    candidates: pool.candidates,
    executable: pool.executable,
    pendingNonce: async (sender: Hex): Promise<bigint> =>
      pool.pendingNonce(sender) ?? (await senderState(ledger.head().header, sender)).nonce,
    submitAll,
    /** Resolves with the hash when the journal is on disk. Throws INVALID_ARGUMENT or TRANSACTION_REFUSED with geth's text. */
    submit: async (transaction: Transaction): Promise<Hex> => hashOf((await submitAll([transaction]))[0]),
    /** Puts transactions back that a development chain took out of its blocks. */
    putBack: async (transactions: readonly Transaction[]): Promise<void> => {
      await addToHead(transactions)
    },
    /**
     * What a new head means for the pool: the journal writes that belong into the block's commit, and the change itself, to be
     * applied in the turn in which the block becomes visible.
     */
    prepare: async (block: Header, touched: ReadonlySet<Hex>, dropped: readonly Hex[], included: readonly Hex[]) => {
      const after = new Map<Hex, SenderState>()
      for (const sender of touched) after.set(sender, await senderState(block, sender))
      const struck = [...dropped, ...included]
      for (const hash of struck) committing.add(hash)
      return {
        writes: struck.flatMap((hash) => strike(hash)),
        apply: (): void => {
          for (const hash of struck) committing.delete(hash)
          for (const hash of dropped) pool.remove(hash)
          // Who sent something mostly sends again, so what was read for this block serves on top of it.
          states = after
          statesOf = block
          const stale = [...after].flatMap(([sender, state]) => pool.refresh(sender, state))
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

/** In front of a list of transactions; no transaction begins with it. */
const ENTRY_OF_MANY = 0

function encodeEntry(transactions: readonly Transaction[]): Uint8Array {
  const [only] = transactions
  if (only !== undefined && transactions.length === 1) return only.raw
  return concatBytes(Uint8Array.of(ENTRY_OF_MANY), rlpEncode(transactions.map(({ raw }) => raw)))
}

function decodeEntry(entry: Uint8Array): Uint8Array[] {
  if (entry.length === 0) return []
  if (entry[0] !== ENTRY_OF_MANY) return [entry]
  return toList(rlpDecode(entry.subarray(1)), 'pool entry').map((raw) => toBytes(raw, 'transaction'))
}

/** The hash of a transaction that was taken; throws why it was not. */
export function hashOf(submitted: Submitted | undefined): Hex {
  assert(submitted !== undefined, 'each transaction has an outcome')
  if ('hash' in submitted) return submitted.hash
  throw submitted.error
}

function refusalOf({ message, known, full }: PoolRefusal): ZerogError {
  if (full) return new ZerogError('QUEUE_FULL', { message, retryAfterMs: 1_000 })
  return new ZerogError('TRANSACTION_REFUSED', { message, ...(known && { metadata: { known: 'true' } }) })
}

function deletions(key: Uint8Array, chunks: number): KvWrite[] {
  return Array.from({ length: chunks }, (_, index) => ({ table: TABLES.pool, key: chunkKey(key, index), value: null }))
}
