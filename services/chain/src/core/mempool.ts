import type { intrinsicGas, Transaction } from '@zerog/evm'
import { fromHex, type Hex } from '@zerog/primitives'
import {
  INITCODE_BYTES_MAX,
  POOL_BYTES_MAX,
  POOL_NONCE_GAP_MAX,
  POOL_SENDER_GUARANTEE,
  POOL_SENDER_TRANSACTIONS_MAX,
  POOL_TRANSACTIONS_MAX,
  REPLACEMENT_PERCENT,
} from './limits.ts'

export type PoolLimits = {
  readonly transactionsMax: number
  readonly bytesMax: number
  readonly senderTransactionsMax: number
  readonly senderGuarantee: number
}

export const POOL_LIMITS: PoolLimits = {
  transactionsMax: POOL_TRANSACTIONS_MAX,
  bytesMax: POOL_BYTES_MAX,
  senderTransactionsMax: POOL_SENDER_TRANSACTIONS_MAX,
  senderGuarantee: POOL_SENDER_GUARANTEE,
}

/** What the pool knows of a sender: the state after the head. */
export type SenderState = {
  readonly nonce: bigint
  readonly balance: bigint /** code that is no EIP-7702 delegation */
  readonly contract?: boolean
}

export type PoolRules = { readonly blockGasLimit: bigint; readonly tipMin: bigint }

/** Why the pool does not take a transaction; `message` is geth's text. */
export type PoolRefusal = { readonly known: boolean; readonly full: boolean; readonly message: string }

export type AddOutcome =
  | {
      readonly added: Transaction /** replaced or evicted by it: no longer in the pool */
      readonly removed: readonly Transaction[]
    }
  | { readonly refused: PoolRefusal }

export type PoolContent = { readonly pending: readonly Transaction[]; readonly queued: readonly Transaction[] }

/** What a transaction needs before it runs: a rule of the execution layer. */
export type MempoolDeps = { readonly intrinsicGas: typeof intrinsicGas }

type Entry = { readonly transaction: Transaction; readonly order: number /** `costOf` it */; readonly cost: bigint }
type Queue = {
  readonly sender: Hex
  state: SenderState
  readonly entries: Map<bigint, Entry>
  tail: Entry | undefined /** sum of costs */
  cost: bigint
}

/**
 * Transactions that wait for a block: one queue by nonce per sender. A pure data structure: no clock, no randomness, no I/O;
 * the same calls give the same pool. What must be durable is journalled by the caller.
 */
export function createMempool(limits: PoolLimits, deps: MempoolDeps) {
  const queues = new Map<Hex, Queue>()
  const byHash = new Map<Hex, Entry>()
  let bytes = 0
  let arrivals = 0

  const insert = (queue: Queue, entry: Entry): void => {
    queue.entries.set(entry.transaction.nonce, entry)
    queue.cost += entry.cost
    if (queue.tail === undefined || entry.transaction.nonce > queue.tail.transaction.nonce) queue.tail = entry
    byHash.set(entry.transaction.hash, entry)
    bytes += entry.transaction.raw.length
  }
  const discard = (queue: Queue, entry: Entry): void => {
    queue.entries.delete(entry.transaction.nonce)
    queue.cost -= entry.cost
    if (queue.tail === entry) queue.tail = highest(queue.entries.values())
    byHash.delete(entry.transaction.hash)
    bytes -= entry.transaction.raw.length
    if (queue.entries.size === 0) queues.delete(queue.sender)
  }

  /** Makes room for a newcomer: the cheapest tail of the senders that hold more than their guarantee, then of all. */
  const victim = (newcomer: Transaction, held: number): { queue: Queue; entry: Entry } | undefined => {
    let worst: { queue: Queue; entry: Entry; greedy: boolean } | undefined
    for (const queue of queues.values()) {
      const entry = queue.tail
      if (entry === undefined) continue
      const greedy = queue.entries.size > limits.senderGuarantee
      const candidate = { queue, entry, greedy }
      if (worst === undefined || evictedBefore(candidate, worst)) worst = candidate
    }
    if (worst === undefined) return undefined
    const cheaper = compareFees(worst.entry.transaction, newcomer) < 0
    const newcomerGreedy = held >= limits.senderGuarantee
    // Within its guarantee a newcomer displaces a greedy sender's tail whatever it pays; else it must pay more.
    const allowed = worst.greedy ? cheaper || !newcomerGreedy : cheaper && !newcomerGreedy
    return allowed && worst.queue.sender !== newcomer.from ? worst : undefined
  }

  const add = (transaction: Transaction, state: SenderState, rules: PoolRules): AddOutcome => {
    if (byHash.has(transaction.hash)) return refuse('already known', { known: true })
    const problem = staticProblem(transaction, rules, deps) ?? stateProblem(transaction, state)
    if (problem !== undefined) return refuse(problem)
    const queue = queues.get(transaction.from) ?? {
      sender: transaction.from,
      state,
      entries: new Map(),
      tail: undefined,
      cost: 0n,
    }
    queue.state = state
    const replaced = queue.entries.get(transaction.nonce)
    if (replaced !== undefined && !outbids(transaction, replaced.transaction))
      return refuse('replacement transaction underpriced')
    const committed = queue.cost - (replaced === undefined ? 0n : replaced.cost)
    const cost = costOf(transaction)
    const overdraft = overdrawn(cost, state, committed)
    if (overdraft !== undefined) return refuse(overdraft)
    const removed: Transaction[] = []
    if (replaced === undefined) {
      if (queue.entries.size >= limits.senderTransactionsMax) {
        return refuse(`account limit exceeded: ${limits.senderTransactionsMax} transactions of one sender`, { full: true })
      }
      const room = makeRoom(transaction, queue.entries.size)
      if (room === undefined) return refuse('txpool is full', { full: true })
      removed.push(...room)
    } else {
      discard(queue, replaced)
      removed.push(replaced.transaction)
    }
    queues.set(transaction.from, queue)
    insert(queue, { transaction, order: replaced?.order ?? arrivals++, cost })
    return { added: transaction, removed }
  }

  /** All or nothing: a newcomer that is refused evicts nobody. */
  const makeRoom = (newcomer: Transaction, held: number): Transaction[] | undefined => {
    const removed: { queue: Queue; entry: Entry }[] = []
    while (byHash.size + 1 > limits.transactionsMax || bytes + newcomer.raw.length > limits.bytesMax) {
      const next = victim(newcomer, held)
      if (next === undefined) {
        for (const { queue, entry } of removed.reverse()) {
          queues.set(queue.sender, queue)
          insert(queue, entry)
        }
        return undefined
      }
      discard(next.queue, next.entry)
      removed.push(next)
    }
    return removed.map(({ entry }) => entry.transaction)
  }

  /** A sender's state changed: drops what was used or can never be paid. Returns what was dropped. */
  const refresh = (sender: Hex, state: SenderState): Transaction[] => {
    const queue = queues.get(sender)
    if (queue === undefined) return []
    queue.state = state
    const dropped: Transaction[] = []
    // A Map may lose the entry that its iterator stands on.
    for (const entry of queue.entries.values()) {
      if (entry.transaction.nonce >= state.nonce && entry.cost <= state.balance) continue
      discard(queue, entry)
      dropped.push(entry.transaction)
    }
    return dropped
  }

  return {
    add,
    refresh,
    remove: (hash: Hex): boolean => {
      const entry = byHash.get(hash)
      const queue = entry && queues.get(entry.transaction.from)
      if (entry === undefined || queue === undefined) return false
      discard(queue, entry)
      return true
    },
    get: (hash: Hex): Transaction | undefined => byHash.get(hash)?.transaction,
    size: (): { readonly transactions: number; readonly bytes: number; readonly senders: number } => ({
      transactions: byHash.size,
      bytes,
      senders: queues.size,
    }),
    senders: (): Iterable<Hex> => queues.keys(),
    /** The nonce after the sender's consecutive transactions, or undefined if nothing of it waits. */
    pendingNonce: (sender: Hex): bigint | undefined => {
      const queue = queues.get(sender)
      return queue && nextNonce(queue)
    },
    /** Whether a block on this base fee would have a candidate. */
    executable: (baseFee: bigint): boolean => {
      for (const queue of queues.values()) {
        const head = queue.entries.get(queue.state.nonce)
        if (head !== undefined && head.transaction.maxFeePerGas >= baseFee) return true
      }
      return false
    },
    candidates: (baseFee: bigint): Generator<Transaction> => candidates(queues.values(), baseFee),
    content: (): PoolContent => content(queues.values()),
    all: (): readonly Transaction[] =>
      [...byHash.values()].sort((a, b) => a.order - b.order).map(({ transaction }) => transaction),
  }
}

/** Most that a transaction can cost its sender, wei. */
export function costOf(transaction: Transaction): bigint {
  return transaction.gasLimit * transaction.maxFeePerGas + transaction.value
}

const NO_DATA = new Uint8Array(0)

function refuse(message: string, { known = false, full = false } = {}): AddOutcome {
  return { refused: { known, full, message } }
}

function staticProblem(transaction: Transaction, { blockGasLimit, tipMin }: PoolRules, deps: MempoolDeps): string | undefined {
  const { type, gasLimit, data, to, accessList, authorizationList, maxPriorityFeePerGas } = transaction
  if (type === 3) return 'transaction type not supported: blobs are not carried by this chain, post the data to its DA layer'
  const bytes = data === '0x' ? NO_DATA : fromHex(data)
  if (to === null && bytes.length > INITCODE_BYTES_MAX) {
    return `max initcode size exceeded: code size ${bytes.length}, limit ${INITCODE_BYTES_MAX}`
  }
  if (gasLimit > blockGasLimit) return 'exceeds block gas limit'
  const { intrinsic, floor } = deps.intrinsicGas({
    data: bytes,
    creation: to === null,
    accessList: accessList ?? [],
    authorizationCount: authorizationList?.length ?? 0,
  })
  if (gasLimit < intrinsic) return `intrinsic gas too low: gas ${gasLimit}, minimum needed ${intrinsic}`
  if (gasLimit < floor) return `insufficient gas for floor data gas cost: gas ${gasLimit}, minimum needed ${floor}`
  if (maxPriorityFeePerGas < tipMin) {
    return `transaction gas price below minimum: gas tip cap ${maxPriorityFeePerGas}, minimum needed ${tipMin}`
  }
  return undefined
}

function stateProblem(transaction: Transaction, state: SenderState): string | undefined {
  const { nonce, from } = transaction
  if (nonce < state.nonce) return `nonce too low: next nonce ${state.nonce}, tx nonce ${nonce}`
  if (nonce - state.nonce > POOL_NONCE_GAP_MAX) {
    return `nonce too high: next nonce ${state.nonce}, tx nonce ${nonce}, at most ${POOL_NONCE_GAP_MAX} ahead`
  }
  if (state.contract === true) return `sender not an eoa: address ${from}`
  return undefined
}

function overdrawn(cost: bigint, { balance }: SenderState, committed: bigint): string | undefined {
  const text = 'insufficient funds for gas * price + value'
  if (balance < cost) return `${text}: balance ${balance}, tx cost ${cost}, overshot ${cost - balance}`
  const total = committed + cost
  if (balance >= total) return undefined
  return `${text}: balance ${balance}, queued cost ${committed}, tx cost ${cost}, overshot ${total - balance}`
}

function outbids(next: Transaction, old: Transaction): boolean {
  const raised = (before: bigint, after: bigint): boolean =>
    after > before && after * 100n >= before * (100n + REPLACEMENT_PERCENT)
  return raised(old.maxFeePerGas, next.maxFeePerGas) && raised(old.maxPriorityFeePerGas, next.maxPriorityFeePerGas)
}

function compareFees(a: Transaction, b: Transaction): number {
  if (a.maxPriorityFeePerGas !== b.maxPriorityFeePerGas) return a.maxPriorityFeePerGas < b.maxPriorityFeePerGas ? -1 : 1
  if (a.maxFeePerGas !== b.maxFeePerGas) return a.maxFeePerGas < b.maxFeePerGas ? -1 : 1
  return 0
}

function highest(entries: Iterable<Entry>): Entry | undefined {
  let tail: Entry | undefined
  for (const entry of entries) {
    if (tail === undefined || entry.transaction.nonce > tail.transaction.nonce) tail = entry
  }
  return tail
}

type Candidate = { readonly queue: Queue; readonly entry: Entry; readonly greedy: boolean }

function evictedBefore(a: Candidate, b: Candidate): boolean {
  if (a.greedy !== b.greedy) return a.greedy
  const fees = compareFees(a.entry.transaction, b.entry.transaction)
  // Among equals the newest goes.
  return fees === 0 ? a.entry.order > b.entry.order : fees < 0
}

function nextNonce(queue: Queue): bigint {
  let nonce = queue.state.nonce
  while (queue.entries.has(nonce)) nonce += 1n
  return nonce
}

function content(queues: Iterable<Queue>): PoolContent {
  const pending: Transaction[] = []
  const queued: Transaction[] = []
  for (const queue of queues) {
    const gap = nextNonce(queue)
    const sorted = [...queue.entries.values()].map(({ transaction }) => transaction)
    sorted.sort((a, b) => (a.nonce < b.nonce ? -1 : 1))
    for (const transaction of sorted) (transaction.nonce < gap ? pending : queued).push(transaction)
  }
  return { pending, queued }
}

/** By tip within each sender's nonce order; earlier arrivals first among equals. */
function* candidates(queues: Iterable<Queue>, baseFee: bigint): Generator<Transaction> {
  const heads = createHeap<{ queue: Queue; entry: Entry; tip: bigint }>((a, b) =>
    a.tip === b.tip ? a.entry.order < b.entry.order : a.tip > b.tip,
  )
  const offer = (queue: Queue, nonce: bigint): void => {
    const entry = queue.entries.get(nonce)
    if (entry === undefined || entry.transaction.maxFeePerGas < baseFee) return
    heads.push({ queue, entry, tip: effectiveTip(entry.transaction, baseFee) })
  }
  for (const queue of queues) offer(queue, queue.state.nonce)
  for (let head = heads.pop(); head !== undefined; head = heads.pop()) {
    yield head.entry.transaction
    offer(head.queue, head.entry.transaction.nonce + 1n)
  }
}

/** What a wei of gas brings its block's leader. */
export function effectiveTip({ maxFeePerGas, maxPriorityFeePerGas }: Transaction, baseFee: bigint): bigint {
  const spare = maxFeePerGas - baseFee
  if (spare < maxPriorityFeePerGas) return spare
  return maxPriorityFeePerGas
}

function createHeap<T>(before: (a: T, b: T) => boolean): { push(item: T): void; pop(): T | undefined } {
  const items: T[] = []
  const swap = (a: number, b: number): void => {
    const held = items[a] as T
    items[a] = items[b] as T
    items[b] = held
  }
  return {
    push: (item) => {
      items.push(item)
      for (let at = items.length - 1; at > 0; ) {
        const parent = (at - 1) >> 1
        if (!before(items[at] as T, items[parent] as T)) break
        swap(at, parent)
        at = parent
      }
    },
    pop: () => {
      const first = items[0]
      const last = items.pop()
      if (items.length === 0 || last === undefined) return first
      items[0] = last
      for (let at = 0; ; ) {
        let best = at
        for (const child of [2 * at + 1, 2 * at + 2]) {
          if (child < items.length && before(items[child] as T, items[best] as T)) best = child
        }
        if (best === at) return first
        swap(at, best)
        at = best
      }
    },
  }
}
