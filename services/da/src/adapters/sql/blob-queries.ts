import type { Sql, SqlSession } from '@zerog/ports'
import type { BlobRecord, BlobView, DisperserRepository } from '../../app/disperser/repository.ts'
import { type BlobRow, PREPARED, SELECT_BLOBS, toBlobs } from './rows.ts'

type Methods = 'acceptBlobs' | 'blobs' | 'blobByKey' | 'queuedParts' | 'forgettable' | 'bytesForgotten' | 'keptIds' | 'counts'

/** Blobs from their acceptance until their bytes are forgotten. */
export function blobQueries(sql: Sql): Pick<DisperserRepository, Methods> {
  return {
    acceptBlobs: (blobs) =>
      sql.transaction(async (session) => {
        const inserted = await insertBlobs(session, blobs)
        await insertParts(
          session,
          blobs.filter(({ id }) => inserted.has(id)),
        )
        return Promise.all(blobs.map((blob) => (inserted.has(blob.id) ? undefined : byKey(session, blob))))
      }),
    async blobs(ids) {
      const rows = await sql.query<BlobRow>(`${SELECT_BLOBS} WHERE b.id = ANY($1::text[]) ORDER BY b.id, p.part`, [ids], PREPARED)
      const found = toBlobs(rows)
      return ids.map((id) => found.get(id))
    },
    blobByKey: (account, idempotencyKey) => byKey(sql, { account, idempotencyKey }),
    async queuedParts(owner) {
      const rows = await sql.query<{ blob_id: string; part: number; length_bytes: bigint; retention_seconds: number }>(
        `SELECT p.blob_id, p.part, p.length_bytes, b.retention_seconds FROM da.parts p JOIN da.blobs b ON b.id = p.blob_id
         WHERE p.bundle_id IS NULL AND b.owner = $1 AND b.failure_reason IS NULL ORDER BY b.accepted_at_ms, b.id COLLATE "C", p.part`,
        [owner],
      )
      return rows.map((row) => ({
        blobId: row.blob_id,
        part: row.part,
        lengthBytes: Number(row.length_bytes),
        retentionSeconds: row.retention_seconds,
      }))
    },
    async forgettable(owner, beforeMs, limit) {
      const rows = await sql.query<{ id: string }>(
        `SELECT b.id FROM da.blobs b WHERE b.owner = $1 AND b.bytes_kept AND b.accepted_at_ms < $2 AND (
           b.failure_reason IS NOT NULL OR NOT EXISTS (
             SELECT 1 FROM da.parts p LEFT JOIN da.bundles u ON u.id = p.bundle_id
             WHERE p.blob_id = b.id AND (u.finalized_at_ms IS NULL OR u.finalized_at_ms >= $2)
           )
         ) ORDER BY b.accepted_at_ms LIMIT $3`,
        [owner, beforeMs, limit],
      )
      return rows.map(({ id }) => id)
    },
    async bytesForgotten(blobIds) {
      await sql.query('UPDATE da.blobs SET bytes_kept = false WHERE id = ANY($1::text[])', [blobIds])
    },
    async keptIds(owner) {
      const rows = await sql.query<{ id: string }>('SELECT id FROM da.blobs WHERE owner = $1 AND bytes_kept', [owner])
      return rows.map(({ id }) => id)
    },
    async counts() {
      // Final blobs are not counted: they are nearly all, and nobody waits for them.
      const [row] = await sql.query<{ queued: bigint; dispersing: bigint; certified: bigint; failed: bigint }>(
        `WITH open AS (
           SELECT p.blob_id, bool_and(u.window_id IS NOT NULL) AS certified, bool_and(u.commitment IS NOT NULL) AS coded
           FROM da.parts p LEFT JOIN da.bundles u ON u.id = p.bundle_id JOIN da.blobs b ON b.id = p.blob_id
           WHERE b.bytes_kept AND b.failure_reason IS NULL
           GROUP BY p.blob_id HAVING bool_or(u.finalized_at_ms IS NULL)
         )
         SELECT count(*) FILTER (WHERE certified) AS certified, count(*) FILTER (WHERE coded AND NOT certified) AS dispersing,
           count(*) FILTER (WHERE NOT coded) AS queued,
           (SELECT count(*) FROM da.blobs WHERE failure_reason IS NOT NULL AND bytes_kept) AS failed
         FROM open`,
      )
      const count = (value: bigint | undefined) => Number(value ?? 0n)
      return {
        queued: count(row?.queued),
        dispersing: count(row?.dispersing),
        certified: count(row?.certified),
        failed: count(row?.failed),
      }
    },
  }
}

/** Ids of those that are new; the others have the account and key of an earlier one. */
async function insertBlobs(session: SqlSession, blobs: readonly BlobRecord[]): Promise<ReadonlySet<string>> {
  const rows = await session.query<{ id: string }>(
    `INSERT INTO da.blobs (id, owner, size_bytes, sha256, account, retention_seconds, idempotency_key, accepted_at_ms)
     SELECT id, owner, size, hash, account, retention, nullif(key, ''), accepted FROM unnest(
       $1::text[], $2::int4[], $3::int8[], $4::bytea[], $5::bytea[], $6::int4[], $7::text[], $8::int8[]
     ) AS given(id, owner, size, hash, account, retention, key, accepted)
     ON CONFLICT (account, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING RETURNING id`,
    [
      blobs.map(({ id }) => id),
      blobs.map(({ owner }) => owner),
      blobs.map(({ sizeBytes }) => sizeBytes),
      blobs.map(({ sha256 }) => sha256),
      blobs.map(({ account }) => account),
      blobs.map(({ retentionSeconds }) => retentionSeconds),
      // An array of the driver cannot hold null; no key has zero characters.
      blobs.map(({ idempotencyKey }) => idempotencyKey ?? ''),
      blobs.map(({ acceptedAtMs }) => acceptedAtMs),
    ],
    PREPARED,
  )
  return new Set(rows.map(({ id }) => id))
}

async function insertParts(session: SqlSession, blobs: readonly BlobRecord[]): Promise<void> {
  const parts = blobs.flatMap(({ id, partLengths }) => partLengths.map((lengthBytes, part) => ({ id, part, lengthBytes })))
  if (parts.length === 0) return
  await session.query(
    `INSERT INTO da.parts (blob_id, part, length_bytes) SELECT * FROM unnest($1::text[], $2::int4[], $3::int8[])`,
    [parts.map(({ id }) => id), parts.map(({ part }) => part), parts.map(({ lengthBytes }) => lengthBytes)],
    PREPARED,
  )
}

async function byKey(
  session: SqlSession,
  { account, idempotencyKey }: { readonly account: Uint8Array; readonly idempotencyKey: string | undefined },
): Promise<BlobView | undefined> {
  if (idempotencyKey === undefined) return undefined
  const rows = await session.query<BlobRow>(`${SELECT_BLOBS} WHERE b.account = $1 AND b.idempotency_key = $2 ORDER BY p.part`, [
    account,
    idempotencyKey,
  ])
  return [...toBlobs(rows).values()][0]
}
