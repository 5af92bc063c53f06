import { type Hex, toHex } from '@zerog/primitives'
import type { FileRecord, Holding, RangeRecord, StoredSubmission } from '../../app/repository.ts'
import type { SegmentMask } from '../../core/ranges.ts'
import { unpackNodes } from '../../core/submission.ts'

export type SubmissionRow = {
  tx_seq: bigint
  root: Uint8Array
  size_bytes: bigint
  start_entry: bigint
  nodes: Uint8Array
  tags: Uint8Array
  submitter: Uint8Array
  transaction_hash: Uint8Array
  transaction_from: Uint8Array
  height: bigint
}

export type FileRow = {
  file_id: bigint
  root: Uint8Array
  size_bytes: bigint
  expires_at_ms: bigint | null
  finalized_at_ms: bigint | null
}

export type HoldingRow = {
  range_index: number
  quorum: number
  node_id: Uint8Array
  stored: bigint
  receipt_signature: Uint8Array | null
  receipt_issued_at_ms: bigint | null
}

export function toSubmission(row: SubmissionRow): StoredSubmission {
  return {
    txSeq: Number(row.tx_seq),
    root: row.root,
    sizeBytes: Number(row.size_bytes),
    startEntry: Number(row.start_entry),
    nodes: unpackNodes(row.nodes),
    tags: row.tags,
    submitter: row.submitter,
    transactionHash: row.transaction_hash,
    transactionFrom: row.transaction_from,
    height: row.height,
  }
}

export function toFile(row: FileRow): FileRecord {
  return {
    fileId: row.file_id,
    root: row.root,
    sizeBytes: Number(row.size_bytes),
    expiresAtMs: row.expires_at_ms === null ? undefined : Number(row.expires_at_ms),
    finalizedAtMs: row.finalized_at_ms === null ? undefined : Number(row.finalized_at_ms),
  }
}

/** Rows ordered by range and node. */
export function toRanges(rows: readonly HoldingRow[]): RangeRecord[] {
  const ranges = new Map<number, { quorum: number; holdings: Holding[] }>()
  for (const row of rows) {
    const range = ranges.get(row.range_index) ?? { quorum: row.quorum, holdings: [] }
    ranges.set(row.range_index, range)
    range.holdings.push(toHolding(row))
  }
  return [...ranges].map(([rangeIndex, range]) => ({ rangeIndex, ...range }))
}

/** PostgreSQL has no unsigned integers: bit 63 travels as the sign. */
export function maskToSql(mask: SegmentMask): bigint {
  return BigInt.asIntN(64, mask)
}

export function maskFromSql(value: bigint): SegmentMask {
  return BigInt.asUintN(64, value)
}

export function nodeIdFromSql(bytes: Uint8Array): Hex {
  return toHex(bytes)
}

function toHolding(row: HoldingRow): Holding {
  const { receipt_signature: signature, receipt_issued_at_ms: issuedAtMs } = row
  return {
    nodeId: nodeIdFromSql(row.node_id),
    stored: maskFromSql(row.stored),
    receipt: signature === null || issuedAtMs === null ? undefined : { signature, issuedAtMs: Number(issuedAtMs) },
  }
}
