import type { InferenceReceipt } from '@zerog/evidence'
import type { Hex } from '@zerog/primitives'

/**
 * A `checkpoint` is what a stream owes if it is cut now; the `final` receipt covers the whole answer. A final one that is acknowledged
 * replaces its checkpoint; one that is not in time is void, and the checkpoint counts.
 */
export type ReceiptKind = 'checkpoint' | 'final'

/**
 * pending: waits for its acknowledgement until the deadline; billable: counts, waits for a batch; void: never counts; batched: its fee
 * is in a batch, for good.
 */
export type ReceiptState = 'pending' | 'billable' | 'void' | 'batched'

export type ReceiptRecord = {
  /** The answer's id, as clients see it. */
  readonly id: string
  readonly kind: ReceiptKind
  readonly model: string
  readonly receipt: InferenceReceipt
  readonly receiptHash: Hex
  /** Of the receipt and of 0G's text about the answer, by the signer, 65 bytes each. */
  readonly signature: Hex
  /** 32 bytes that keep a published leaf from telling anything about a guessed receipt. */
  readonly salt: Hex
  /** The canonical JSON behind paramsHash. */
  readonly params: string
  /** What makes it billable: the caller's signature, or that the answer was written. */
  readonly acknowledgement: 'signed' | 'write'
  readonly deadlineMs: number
}

export type StoredReceipt = ReceiptRecord & {
  readonly state: ReceiptState
  readonly batch: { readonly batchId: bigint; readonly leafIndex: number } | undefined
}

/** What became of answers, applied in this order. */
export type ReceiptChanges = {
  /** The whole answer arrived. */
  readonly acknowledged: readonly string[]
  /** A stream was cut: its checkpoint counts at once, a final receipt is void. */
  readonly cut: readonly string[]
}

export type ReceiptOutcome = {
  /** Ids of `acknowledged` that were pending until now. */
  readonly acknowledged: ReadonlySet<string>
}

/** What a user was left owing by an earlier settlement. */
export type Carry = { readonly user: Hex; readonly requestsHash: Hex; readonly amount: bigint }

/** built: persisted, nothing was sent; settling: its root is on chain, or nothing is published here; settled: every user's outcome is known and applied. */
export type BatchState = 'built' | 'settling' | 'settled'

export type BatchUser = {
  readonly user: Hex
  readonly requestsHash: Hex
  readonly root: Hex
  /** wei, with the carry */
  readonly sum: bigint
  readonly receiptCount: number
  readonly carry: Omit<Carry, 'user'> | undefined
  /** Of the settlement; above the account's nonce on chain. 0n where the sum is 0: nothing is settled then. */
  readonly nonce: bigint
}

/** A signed transaction of the provider as it was or will be sent. */
export type SentTransaction = { readonly raw: Hex; readonly hash: Hex; readonly nonce: bigint }

export type SettlementOutcome = {
  /** Of the contract: 0 success, 1 partial, others refused (reference compute 1.3). */
  readonly status: number
  /** wei that the user still owes */
  readonly unpaid: bigint
}

export type BatchStep = 'anchor' | 'settle'

export type Batch = {
  readonly batchId: bigint
  readonly state: BatchState
  readonly root: Hex
  readonly createdAtMs: number
  /** In the order of the batch tree. */
  readonly users: readonly (BatchUser & { readonly outcome: SettlementOutcome | undefined })[]
  /** Where the leaves are published; undefined until then. */
  readonly publication: string | undefined
  readonly transactions: { readonly [Step in BatchStep]: SentTransaction | undefined }
}

export type NewBatch = {
  readonly root: Hex
  /** Every claim of every user, as it is published: paths are made of it. */
  readonly blob: Uint8Array
  readonly createdAtMs: number
  readonly users: readonly (BatchUser & { readonly receiptIds: readonly string[] })[]
}

/** What a batch needs of a receipt: a thousand whole ones take long to read. */
export type BillableReceipt = Pick<ReceiptRecord, 'id' | 'kind' | 'receiptHash' | 'salt'> & {
  readonly fee: bigint
  readonly nonce: bigint
}

export type UnsettledUser = {
  readonly user: Hex
  readonly amount: bigint
  readonly receiptCount: number
  readonly oldestMs: number
}

/**
 * What the broker may not forget. Every method is one transaction and durable when it resolves. Two implementations (memory,
 * PostgreSQL) pass one suite. `token` is the fencing token of the settlement lease: an older one is refused with FENCED.
 */
export type BrokerRepository = {
  /**
   * Keeps signed receipts, pending. Answers wait for nothing but this. A later checkpoint of one id replaces the earlier one while that
   * is pending; a final receipt stands as it was first written.
   */
  appendReceipts(records: readonly ReceiptRecord[]): Promise<void>
  changeReceipts(changes: ReceiptChanges): Promise<ReceiptOutcome>
  /** Moves the deadline of what is pending for these ids: their streams live. */
  keepAlive(ids: readonly string[], deadlineMs: number): Promise<void>
  /** Applies the deadline: final receipts become void, checkpoints billable. Returns the users whose amounts changed. */
  expire(nowMs: number): Promise<readonly Hex[]>
  /** The one that counts or may count: billable or batched before pending before void, final before checkpoint. */
  receipt(id: string): Promise<StoredReceipt | undefined>
  /** Pending and billable receipts (of one id only the dearer), open batches and the carry of a user, wei. */
  unsettled(user: Hex): Promise<bigint>
  /** Answers of a user since a time that nobody acknowledged although the caller promised to. */
  unacknowledgedCount(user: Hex, sinceMs: number): Promise<number>

  /** Users with billable receipts or a carry, those who wait longest first. */
  billableUsers(limit: number): Promise<readonly UnsettledUser[]>
  /** Billable receipts of a user, oldest first. */
  billable(user: Hex, limit: number): Promise<readonly BillableReceipt[]>
  carry(user: Hex): Promise<Carry | undefined>
  /** Takes receipts and carries into a batch, all or nothing: WRITE_CONFLICT as WRONG_STATE where one is not billable any more. */
  createBatch(batch: NewBatch, token: bigint): Promise<Batch>
  openBatch(): Promise<Batch | undefined>
  batch(batchId: bigint): Promise<Batch | undefined>
  batchBlob(batchId: bigint): Promise<Uint8Array | undefined>
  recordPublication(batchId: bigint, publication: string, token: bigint): Promise<void>
  /** Kept before it is sent; replaces an earlier one that can never be included. */
  recordTransaction(batchId: bigint, step: BatchStep, transaction: SentTransaction, token: bigint): Promise<void>
  /** The root is on chain, or need not be. Idempotent; with nothing to pay the batch is settled at once. */
  beginSettling(batchId: bigint): Promise<void>
  /**
   * What the chain did with the users of a batch; what is unpaid becomes their carry. With the last one the batch is settled. An
   * outcome that is known is left as it is, so the same event may come again.
   */
  recordOutcomes(batchId: bigint, outcomes: ReadonlyMap<Hex, SettlementOutcome>): Promise<void>
  /** A batch whose transaction has this hash. */
  batchOfTransaction(hash: Hex): Promise<Batch | undefined>

  /** Last block whose events were applied. */
  height(): Promise<bigint | undefined>
  /** Never goes back. */
  recordHeight(height: bigint): Promise<void>
  /** Sum of everything, for books that must agree. */
  totals(): Promise<{ readonly billable: bigint; readonly inBatches: bigint; readonly paid: bigint; readonly carried: bigint }>
  /** Forgets receipts of settled batches and void ones that ended before. */
  prune(beforeMs: number, limit: number): Promise<number>
}
