import type { Sql } from '@zerog/ports'
import { fromHex } from '@zerog/primitives'
import type { Deletion, StorageRepository } from '../../app/repository.ts'
import { nodeIdFromSql } from './rows.ts'

type DeletionRow = { file_id: bigint; root: Uint8Array; size_bytes: bigint; node_id: Uint8Array }

/** Files that nobody submitted in time, until every node forgot them. */
export function deletionQueries(sql: Sql): Pick<StorageRepository, 'expire' | 'deletions' | 'finishDeletion'> {
  return {
    expire: (nowMs, limit) =>
      sql.transaction(async (session) => {
        const doomed = await session.query<{ file_id: bigint }>(
          'SELECT file_id FROM storage.files WHERE expires_at_ms <= $1 ORDER BY expires_at_ms LIMIT $2 FOR UPDATE',
          [nowMs, limit],
        )
        const fileIds = doomed.map((row) => row.file_id)
        if (fileIds.length === 0) return 0
        await session.query(
          `INSERT INTO storage.deletions (file_id, root, size_bytes)
           SELECT file_id, root, size_bytes FROM storage.files f
           WHERE file_id = ANY($1::int8[]) AND EXISTS (SELECT 1 FROM storage.holdings h WHERE h.file_id = f.file_id)`,
          [fileIds],
        )
        await session.query(
          `INSERT INTO storage.deletion_nodes (file_id, node_id)
           SELECT DISTINCT file_id, node_id FROM storage.holdings WHERE file_id = ANY($1::int8[])`,
          [fileIds],
        )
        await session.query('DELETE FROM storage.files WHERE file_id = ANY($1::int8[])', [fileIds])
        return fileIds.length
      }),
    async deletions(limit) {
      const rows = await sql.query<DeletionRow>(
        `SELECT d.file_id, d.root, d.size_bytes, n.node_id
         FROM (SELECT * FROM storage.deletions ORDER BY file_id LIMIT $1) d JOIN storage.deletion_nodes n USING (file_id)
         ORDER BY d.file_id, n.node_id`,
        [limit],
      )
      const deletions = new Map<bigint, Deletion>()
      for (const row of rows) {
        const nodeIds = [...(deletions.get(row.file_id)?.nodeIds ?? []), nodeIdFromSql(row.node_id)]
        deletions.set(row.file_id, { fileId: row.file_id, root: row.root, sizeBytes: Number(row.size_bytes), nodeIds })
      }
      return [...deletions.values()]
    },
    async finishDeletion(fileId, nodeIds) {
      await sql.transaction(async (session) => {
        const ids = nodeIds.map((nodeId) => fromHex(nodeId))
        await session.query('DELETE FROM storage.deletion_nodes WHERE file_id = $1 AND node_id = ANY($2::bytea[])', [fileId, ids])
        await session.query(
          `DELETE FROM storage.deletions WHERE file_id = $1
           AND NOT EXISTS (SELECT 1 FROM storage.deletion_nodes WHERE file_id = $1)`,
          [fileId],
        )
      })
    },
  }
}
