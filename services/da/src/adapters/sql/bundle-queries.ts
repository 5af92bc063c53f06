import type { Sql, SqlSession } from '@zerog/ports'
import type { DisperserRepository, Fence } from '../../app/disperser/repository.ts'
import { wrongState } from './memory-repository.ts'
import { PREPARED, requireFence, type StatementRow, toStatement } from './rows.ts'

type Methods =
  | 'takeFence'
  | 'createBundle'
  | 'bundleParts'
  | 'openBundles'
  | 'codeBundle'
  | 'renewBundle'
  | 'storedBy'
  | 'failBundle'

/** Bundles from their making to two thirds of the signatures. */
export function bundleQueries(sql: Sql): Pick<DisperserRepository, Methods> {
  const fencedWork = <T>(fence: Fence, work: (session: SqlSession) => Promise<T>): Promise<T> =>
    sql.transaction(async (session) => {
      await requireFence(session, fence)
      return work(session)
    })
  const onUncertified = async (session: SqlSession, set: string, values: readonly (string | number | bigint)[]) => {
    const rows = await session.query(`UPDATE da.bundles SET ${set} WHERE id = $1 AND window_id IS NULL RETURNING id`, values)
    if (rows.length === 0) throw wrongState(`bundle ${values[0]} is certified, or not known`)
  }
  return {
    async takeFence({ name, token }) {
      const rows = await sql.query(
        `INSERT INTO da.fences AS f (name, token) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET token = excluded.token WHERE f.token <= excluded.token RETURNING name`,
        [name, token],
      )
      if (rows.length === 0) await requireFence(sql, { name, token })
    },
    createBundle: (fence, bundle, parts) =>
      fencedWork(fence, async (session) => {
        const { id, owner, epoch, committee, expiry, payloadBytes, createdAtMs } = bundle
        await session.query(
          `INSERT INTO da.bundles (id, owner, epoch, committee, expiry, payload_bytes, created_at_ms)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING`,
          [id, owner, epoch, committee, expiry, payloadBytes, createdAtMs],
          PREPARED,
        )
        const taken = await session.query(
          `UPDATE da.parts p SET bundle_id = $1, bundle_index = given.index - 1
           FROM unnest($2::text[], $3::int4[]) WITH ORDINALITY AS given(blob_id, part, index)
           WHERE p.blob_id = given.blob_id AND p.part = given.part AND (p.bundle_id IS NULL OR p.bundle_id = $1)
             AND NOT EXISTS (SELECT 1 FROM da.blobs b WHERE b.id = p.blob_id AND b.failure_reason IS NOT NULL)
           RETURNING p.blob_id`,
          [id, parts.map(({ blobId }) => blobId), parts.map(({ part }) => part)],
          PREPARED,
        )
        if (taken.length !== parts.length) throw wrongState(`of ${parts.length} parts only ${taken.length} wait for a bundle`)
      }),
    async bundleParts(bundleId) {
      const rows = await sql.query<{
        blob_id: string
        part: number
        starts_at: bigint
        length_bytes: bigint
        account: Uint8Array
      }>(
        `SELECT p.blob_id, p.part, p.length_bytes, b.account, (
           SELECT coalesce(sum(q.length_bytes), 0)::int8 FROM da.parts q WHERE q.blob_id = p.blob_id AND q.part < p.part
         ) AS starts_at
         FROM da.parts p JOIN da.blobs b ON b.id = p.blob_id WHERE p.bundle_id = $1 ORDER BY p.bundle_index`,
        [bundleId],
      )
      return rows.map((row) => ({
        blobId: row.blob_id,
        part: row.part,
        offset: Number(row.starts_at),
        lengthBytes: Number(row.length_bytes),
        account: row.account,
      }))
    },
    async openBundles(owner) {
      const rows = await sql.query<
        StatementRow & { id: string; owner: number; created_at_ms: bigint; stored: readonly number[]; window_id: string | null }
      >(
        `SELECT id, owner, epoch, committee, expiry, payload_bytes, created_at_ms, commitment, k, n, row_bytes, stored, window_id
         FROM da.bundles WHERE owner = $1 AND finalized_at_ms IS NULL AND NOT failed ORDER BY created_at_ms, id COLLATE "C"`,
        [owner],
      )
      return rows.map((row) => ({
        id: row.id,
        owner: row.owner,
        epoch: row.epoch,
        committee: Number(row.committee),
        expiry: row.expiry,
        payloadBytes: Number(row.payload_bytes),
        createdAtMs: Number(row.created_at_ms),
        statement: toStatement(row),
        certified: row.window_id !== null,
        stored: row.stored,
      }))
    },
    codeBundle: (fence, bundleId, { commitment, k, n, rowBytes }) =>
      fencedWork(fence, async (session) => {
        await session.query(
          'UPDATE da.bundles SET commitment = $2, k = $3, n = $4, row_bytes = $5 WHERE id = $1',
          [bundleId, commitment, k, n, rowBytes],
          PREPARED,
        )
      }),
    renewBundle: (fence, { id, epoch, committee, expiry }) =>
      fencedWork(fence, (session) =>
        onUncertified(
          session,
          `epoch = $2, committee = $3, expiry = $4, stored = '{}', commitment = NULL, k = NULL, n = NULL, row_bytes = NULL`,
          [id, epoch, committee, expiry],
        ),
      ),
    storedBy: (fence, bundleId, members) =>
      fencedWork(fence, async (session) => {
        await session.query('UPDATE da.bundles SET stored = $2::int4[] WHERE id = $1', [bundleId, members], PREPARED)
      }),
    failBundle: (fence, bundleId, { reason, message }) =>
      fencedWork(fence, async (session) => {
        await onUncertified(session, 'failed = true', [bundleId])
        await session.query(
          `UPDATE da.blobs SET failure_reason = $2, failure_message = $3
           WHERE id IN (SELECT blob_id FROM da.parts WHERE bundle_id = $1)`,
          [bundleId, reason, message],
        )
      }),
  }
}
