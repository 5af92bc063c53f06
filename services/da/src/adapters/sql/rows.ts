import type { Statement } from '@zerog/availability'
import type { SqlSession } from '@zerog/ports'
import type { BlobView, Fence, PartView } from '../../app/disperser/repository.ts'
import { fenced } from './memory-repository.ts'

export type StatementRow = {
  commitment: Uint8Array | null
  k: number | null
  n: number | null
  row_bytes: number | null
  payload_bytes: bigint
  epoch: bigint
  committee: bigint
  expiry: bigint
}

export type BlobRow = StatementRow & {
  id: string
  owner: number
  size_bytes: bigint
  sha256: Uint8Array
  account: Uint8Array
  retention_seconds: number
  idempotency_key: string | null
  accepted_at_ms: bigint
  failure_reason: string | null
  failure_message: string | null
  length_bytes: bigint
  bundle_id: string | null
  bundle_index: number | null
  certified_at_ms: bigint | null
  finalized_at_ms: bigint | null
  transaction_hash: Uint8Array | null
}

/** For what every bundle asks: planning took longer than most of these statements. */
export const PREPARED = { prepared: true } as const

/** One row per part, in order; parts of one blob lie together. */
export const SELECT_BLOBS = `
  SELECT b.id, b.owner, b.size_bytes, b.sha256, b.account, b.retention_seconds, b.idempotency_key, b.accepted_at_ms,
    b.failure_reason, b.failure_message, p.length_bytes, p.bundle_id, p.bundle_index,
    u.commitment, u.k, u.n, u.row_bytes, u.payload_bytes, u.epoch, u.committee, u.expiry, u.finalized_at_ms, u.transaction_hash,
    w.certified_at_ms
  FROM da.blobs b JOIN da.parts p ON p.blob_id = b.id
  LEFT JOIN da.bundles u ON u.id = p.bundle_id LEFT JOIN da.windows w ON w.id = u.window_id`

export function toBlobs(rows: readonly BlobRow[]): Map<string, BlobView> {
  const blobs = new Map<string, BlobView & { readonly parts: PartView[] }>()
  for (const row of rows) {
    const blob = blobs.get(row.id) ?? toBlob(row)
    blobs.set(row.id, blob)
    blob.parts.push(toPart(row))
  }
  return blobs
}

/** A bundle that was not coded has no statement. */
export function toStatement(row: StatementRow): Statement | undefined {
  const { commitment, k, n, row_bytes: rowBytes } = row
  if (commitment === null || k === null || n === null || rowBytes === null) return undefined
  const { epoch, expiry } = row
  return { commitment, k, n, rowBytes, payloadBytes: Number(row.payload_bytes), epoch, committee: Number(row.committee), expiry }
}

/** Holds the fence until the transaction ends: a later holder waits for it. @throws ZerogError FENCED */
export async function requireFence(session: SqlSession, { name, token }: Fence): Promise<void> {
  const rows = await session.query(
    'SELECT token FROM da.fences WHERE name = $1 AND token = $2 FOR SHARE',
    [name, token],
    PREPARED,
  )
  if (rows.length === 0) throw fenced(name)
}

export function numberOrUndefined(value: bigint | null): number | undefined {
  return value === null ? undefined : Number(value)
}

function toBlob(row: BlobRow): BlobView & { readonly parts: PartView[] } {
  const { failure_reason: reason, failure_message: message } = row
  return {
    id: row.id,
    owner: row.owner,
    sizeBytes: Number(row.size_bytes),
    sha256: row.sha256,
    account: row.account,
    retentionSeconds: row.retention_seconds,
    idempotencyKey: row.idempotency_key ?? undefined,
    acceptedAtMs: Number(row.accepted_at_ms),
    failure: reason === null ? undefined : { reason, message: message ?? '' },
    parts: [],
  }
}

function toPart(row: BlobRow): PartView {
  return {
    lengthBytes: Number(row.length_bytes),
    bundleId: row.bundle_id ?? undefined,
    index: row.bundle_index ?? 0,
    statement: row.bundle_id === null ? undefined : toStatement(row),
    certifiedAtMs: numberOrUndefined(row.certified_at_ms),
    finalizedAtMs: numberOrUndefined(row.finalized_at_ms),
    transactionHash: row.transaction_hash ?? undefined,
  }
}
