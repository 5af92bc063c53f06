import { decodeReceipt } from '@zerog/evidence'
import { toHex } from '@zerog/primitives'
import type { Batch, BatchState, ReceiptKind, ReceiptState, SentTransaction, StoredReceipt } from '../../app/broker/repository.ts'

export const RECEIPT_COLUMNS =
  'id, kind, model, receipt, receipt_hash, signature, salt, params, acknowledgement, deadline_ms, state, batch_id, leaf_index'

export type ReceiptRow = {
  id: string
  kind: ReceiptKind
  model: string
  receipt: Uint8Array
  receipt_hash: Uint8Array
  signature: Uint8Array
  salt: Uint8Array
  params: string
  acknowledgement: 'signed' | 'write'
  deadline_ms: bigint
  state: ReceiptState
  batch_id: bigint | null
  leaf_index: number | null
}

export type BillableRow = {
  id: string
  kind: ReceiptKind
  receipt_hash: Uint8Array
  salt: Uint8Array
  fee: string
  nonce: bigint
}

export type BatchRow = {
  batch_id: bigint
  state: BatchState
  root: Uint8Array
  created_at_ms: bigint
  publication: string | null
  anchor_raw: Uint8Array | null
  anchor_hash: Uint8Array | null
  anchor_nonce: bigint | null
  settle_raw: Uint8Array | null
  settle_hash: Uint8Array | null
  settle_nonce: bigint | null
}

/** Amounts travel as decimal text: numeric has no type of its own in the port. */
export type BatchUserRow = {
  user_address: Uint8Array
  requests_hash: Uint8Array
  root: Uint8Array
  sum: string
  receipt_count: number
  carry_hash: Uint8Array | null
  carry_amount: string | null
  nonce: string
  status: number | null
  unpaid: string | null
}

export function toReceipt(row: ReceiptRow): StoredReceipt {
  return {
    id: row.id,
    kind: row.kind,
    model: row.model,
    receipt: decodeReceipt(row.receipt),
    receiptHash: toHex(row.receipt_hash),
    signature: toHex(row.signature),
    salt: toHex(row.salt),
    params: row.params,
    acknowledgement: row.acknowledgement,
    deadlineMs: Number(row.deadline_ms),
    state: row.state,
    batch: row.batch_id === null || row.leaf_index === null ? undefined : { batchId: row.batch_id, leafIndex: row.leaf_index },
  }
}

export function toBatch(row: BatchRow, users: readonly BatchUserRow[]): Batch {
  return {
    batchId: row.batch_id,
    state: row.state,
    root: toHex(row.root),
    createdAtMs: Number(row.created_at_ms),
    users: users.map(toBatchUser),
    publication: row.publication ?? undefined,
    transactions: {
      anchor: toTransaction(row.anchor_raw, row.anchor_hash, row.anchor_nonce),
      settle: toTransaction(row.settle_raw, row.settle_hash, row.settle_nonce),
    },
  }
}

function toBatchUser(row: BatchUserRow): Batch['users'][number] {
  const { carry_hash: carryHash, carry_amount: carryAmount, status, unpaid } = row
  return {
    user: toHex(row.user_address),
    requestsHash: toHex(row.requests_hash),
    root: toHex(row.root),
    sum: BigInt(row.sum),
    receiptCount: row.receipt_count,
    carry:
      carryHash === null || carryAmount === null ? undefined : { requestsHash: toHex(carryHash), amount: BigInt(carryAmount) },
    nonce: BigInt(row.nonce),
    outcome: status === null || unpaid === null ? undefined : { status, unpaid: BigInt(unpaid) },
  }
}

function toTransaction(raw: Uint8Array | null, hash: Uint8Array | null, nonce: bigint | null): SentTransaction | undefined {
  return raw === null || hash === null || nonce === null ? undefined : { raw: toHex(raw), hash: toHex(hash), nonce }
}
