import type { Sql, SqlSession } from '@zerog/ports'
import type { FileRecord, OutboxEvent, StorageRepository } from '../../app/repository.ts'
import type { FileKey } from '../../core/segment-key.ts'
import { type FileRow, toFile } from './rows.ts'

type Methods = 'file' | 'fileById' | 'openFile' | 'finalize' | 'unfinished' | 'outbox' | 'clearOutbox'

const COLUMNS = 'file_id, root, size_bytes, expires_at_ms, finalized_at_ms'
/** Any number that no other lock of this database uses: opens of files without a submission go one by one. */
const OPEN_LOCK = 7_312_406_512

/** Files from the first segment or submission to the last receipt. */
export function fileQueries(sql: Sql): Pick<StorageRepository, Methods> {
  return {
    file: (key) => findFile(sql, key),
    async fileById(fileId) {
      const rows = await sql.query<FileRow>(`SELECT ${COLUMNS} FROM storage.files WHERE file_id = $1`, [fileId])
      return rows[0] === undefined ? undefined : toFile(rows[0])
    },
    async openFile({ key, expiresAtMs, unsubmittedBytesMax }) {
      const present = await findFile(sql, key)
      if (present !== undefined && !(await isDeleting(sql, key))) return present
      return sql.transaction(async (session) => {
        await session.query('SELECT pg_advisory_xact_lock($1::int8)', [OPEN_LOCK])
        if (await isDeleting(session, key)) return 'deleting'
        const other = await findFile(session, key)
        if (other !== undefined) return other
        const rows = await session.query<FileRow>(
          `INSERT INTO storage.files (root, size_bytes, expires_at_ms)
           SELECT $1::bytea, $2::int8, $3::int8 WHERE $2::int8 + (
             SELECT coalesce(sum(size_bytes), 0) FROM storage.files WHERE expires_at_ms IS NOT NULL
           ) <= $4::int8
           ON CONFLICT (root, size_bytes) DO UPDATE SET root = excluded.root RETURNING ${COLUMNS}`,
          [key.root, BigInt(key.sizeBytes), expiresAtMs, unsubmittedBytesMax],
        )
        return rows[0] === undefined ? 'full' : toFile(rows[0])
      })
    },
    finalize: ({ fileId, finalizedAtMs, event }) =>
      sql.transaction(async (session) => {
        const rows = await session.query(
          'UPDATE storage.files SET finalized_at_ms = $2 WHERE file_id = $1 AND finalized_at_ms IS NULL RETURNING file_id',
          [fileId, finalizedAtMs],
        )
        if (rows.length === 0) return false
        await session.query('INSERT INTO storage.outbox (id, subject, data) VALUES ($1, $2, $3)', [
          event.id,
          event.subject,
          event.data,
        ])
        return true
      }),
    async unfinished(after, limit) {
      const rows = await sql.query<FileRow>(
        `SELECT ${COLUMNS} FROM storage.files
         WHERE expires_at_ms IS NULL AND finalized_at_ms IS NULL AND file_id > $1 ORDER BY file_id LIMIT $2`,
        [after, limit],
      )
      return rows.map(toFile)
    },
    outbox: (limit) => sql.query<OutboxEvent>('SELECT id, subject, data FROM storage.outbox ORDER BY position LIMIT $1', [limit]),
    async clearOutbox(ids) {
      await sql.query('DELETE FROM storage.outbox WHERE id = ANY($1::text[])', [ids])
    },
  }
}

async function findFile(session: SqlSession, key: FileKey): Promise<FileRecord | undefined> {
  const rows = await session.query<FileRow>(`SELECT ${COLUMNS} FROM storage.files WHERE root = $1 AND size_bytes = $2`, [
    key.root,
    key.sizeBytes,
  ])
  return rows[0] === undefined ? undefined : toFile(rows[0])
}

async function isDeleting(session: SqlSession, key: FileKey): Promise<boolean> {
  const rows = await session.query('SELECT file_id FROM storage.deletions WHERE root = $1 AND size_bytes = $2 LIMIT 1', [
    key.root,
    key.sizeBytes,
  ])
  return rows.length > 0
}
