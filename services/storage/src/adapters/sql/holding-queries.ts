import type { Sql, SqlSession } from '@zerog/ports'
import { fromHex, type Hex } from '@zerog/primitives'
import type { RangeRecord, StorageRepository } from '../../app/repository.ts'
import { fullMask } from '../../core/ranges.ts'
import { segmentCountOf } from '../../core/segment-count.ts'
import { type HoldingRow, maskFromSql, maskToSql, nodeIdFromSql, toRanges } from './rows.ts'

type Methods =
  | 'ranges'
  | 'range'
  | 'placeRange'
  | 'recordStored'
  | 'clearStored'
  | 'saveReceipt'
  | 'addHolding'
  | 'replaceHolding'
  | 'incomplete'
  | 'holders'
  | 'heldBy'
  | 'thin'

const HOLDINGS = `
  SELECT h.range_index, r.quorum, h.node_id, h.stored, h.receipt_signature, h.receipt_issued_at_ms
  FROM storage.holdings h JOIN storage.ranges r USING (file_id, range_index)`

/** Which node holds which segments of which range. */
export function holdingQueries(sql: Sql): Pick<StorageRepository, Methods> {
  return {
    async ranges(fileId) {
      return toRanges(await sql.query<HoldingRow>(`${HOLDINGS} WHERE file_id = $1 ORDER BY h.range_index, h.node_id`, [fileId]))
    },
    range: (fileId, rangeIndex) => findRange(sql, { fileId, rangeIndex }),
    placeRange: (options) => sql.transaction((session) => placeRange(session, options)),
    async recordStored(marks) {
      const rows = await sql.query<{ file_id: bigint; range_index: number; node_id: Uint8Array; stored: bigint }>(
        // Rows are locked in one order, so that batches of several gateways cannot wait for each other in a circle.
        `WITH marks AS (
           SELECT file_id, range_index, node_id, bit_or(segments) AS segments
           FROM unnest($1::int8[], $2::int4[], $3::bytea[], $4::int8[]) AS m(file_id, range_index, node_id, segments)
           GROUP BY file_id, range_index, node_id
         ), locked AS (
           SELECT h.file_id, h.range_index, h.node_id FROM storage.holdings h JOIN marks USING (file_id, range_index, node_id)
           ORDER BY h.file_id, h.range_index, h.node_id FOR UPDATE OF h
         )
         UPDATE storage.holdings h SET stored = h.stored | marks.segments
         FROM marks JOIN locked USING (file_id, range_index, node_id)
         WHERE h.file_id = marks.file_id AND h.range_index = marks.range_index AND h.node_id = marks.node_id
         RETURNING h.file_id, h.range_index, h.node_id, h.stored`,
        [
          marks.map((mark) => mark.fileId),
          marks.map((mark) => mark.rangeIndex),
          marks.map((mark) => fromHex(mark.nodeId)),
          marks.map((mark) => maskToSql(mark.segments)),
        ],
      )
      const text = (fileId: bigint, rangeIndex: number, nodeId: Hex) => `${fileId}:${rangeIndex}:${nodeId}`
      const stored = new Map(
        rows.map((row) => [text(row.file_id, row.range_index, nodeIdFromSql(row.node_id)), maskFromSql(row.stored)]),
      )
      return marks.map((mark) => stored.get(text(mark.fileId, mark.rangeIndex, mark.nodeId)))
    },
    async clearStored({ fileId, rangeIndex, nodeId, segments }) {
      await sql.query(
        `UPDATE storage.holdings SET stored = stored & ~$4::int8, receipt_signature = NULL, receipt_issued_at_ms = NULL
         WHERE file_id = $1 AND range_index = $2 AND node_id = $3`,
        [fileId, rangeIndex, fromHex(nodeId), maskToSql(segments)],
      )
    },
    async saveReceipt({ fileId, rangeIndex, nodeId, segments, signature, issuedAtMs }) {
      await sql.query(
        `UPDATE storage.holdings SET receipt_signature = $5, receipt_issued_at_ms = $6
         WHERE file_id = $1 AND range_index = $2 AND node_id = $3 AND stored = $4`,
        [fileId, rangeIndex, fromHex(nodeId), maskToSql(segments), signature, issuedAtMs],
      )
    },
    async addHolding({ fileId, rangeIndex, nodeId }) {
      await sql.query(
        `INSERT INTO storage.holdings (file_id, range_index, node_id, wanted)
         SELECT file_id, range_index, $3::bytea, wanted FROM storage.holdings WHERE file_id = $1 AND range_index = $2 LIMIT 1
         ON CONFLICT DO NOTHING`,
        [fileId, rangeIndex, fromHex(nodeId)],
      )
    },
    async replaceHolding({ fileId, rangeIndex, nodeId, by }) {
      await sql.query(
        `WITH gone AS (
           DELETE FROM storage.holdings WHERE file_id = $1::int8 AND range_index = $2::int4 AND node_id = $3 RETURNING wanted
         )
         INSERT INTO storage.holdings (file_id, range_index, node_id, wanted) SELECT $1::int8, $2::int4, $4::bytea, wanted FROM gone
         ON CONFLICT DO NOTHING`,
        [fileId, rangeIndex, fromHex(nodeId), fromHex(by)],
      )
    },
    async incomplete(limit) {
      const rows = await sql.query<{ file_id: bigint; range_index: number; node_id: Uint8Array; stored: bigint }>(
        `SELECT h.file_id, h.range_index, h.node_id, h.stored
         FROM storage.holdings h JOIN storage.files f USING (file_id)
         WHERE NOT h.complete AND f.finalized_at_ms IS NOT NULL ORDER BY h.file_id, h.range_index, h.node_id LIMIT $1`,
        [limit],
      )
      return rows.map((row) => ({ ...toRef(row), stored: maskFromSql(row.stored) }))
    },
    async holders() {
      const rows = await sql.query<{ node_id: Uint8Array }>('SELECT DISTINCT node_id FROM storage.holdings ORDER BY node_id')
      return rows.map((row) => nodeIdFromSql(row.node_id))
    },
    async heldBy(nodeId, limit) {
      const rows = await sql.query<{ file_id: bigint; range_index: number; node_id: Uint8Array }>(
        `SELECT h.file_id, h.range_index, h.node_id
         FROM storage.holdings h JOIN storage.files f USING (file_id)
         WHERE h.node_id = $1 AND f.finalized_at_ms IS NOT NULL ORDER BY h.file_id, h.range_index LIMIT $2`,
        [fromHex(nodeId), limit],
      )
      return rows.map(toRef)
    },
    async thin(replicas, limit) {
      const rows = await sql.query<{ file_id: bigint; range_index: number }>(
        `SELECT h.file_id, h.range_index FROM storage.holdings h JOIN storage.files f USING (file_id)
         WHERE f.finalized_at_ms IS NOT NULL GROUP BY h.file_id, h.range_index HAVING count(*) < $1
         ORDER BY h.file_id, h.range_index LIMIT $2`,
        [replicas, limit],
      )
      return rows.map((row) => ({ fileId: row.file_id, rangeIndex: row.range_index }))
    },
  }
}

function toRef(row: { file_id: bigint; range_index: number; node_id: Uint8Array }) {
  return { fileId: row.file_id, rangeIndex: row.range_index, nodeId: nodeIdFromSql(row.node_id) }
}

async function findRange(session: SqlSession, at: { fileId: bigint; rangeIndex: number }): Promise<RangeRecord | undefined> {
  const rows = await session.query<HoldingRow>(`${HOLDINGS} WHERE file_id = $1 AND range_index = $2 ORDER BY h.node_id`, [
    at.fileId,
    at.rangeIndex,
  ])
  return toRanges(rows)[0]
}

/** The file's row is locked: it is neither deleted nor placed by another gateway meanwhile. */
async function placeRange(
  session: SqlSession,
  { fileId, rangeIndex, quorum, nodeIds }: Parameters<StorageRepository['placeRange']>[0],
): Promise<RangeRecord | undefined> {
  const files = await session.query<{ size_bytes: bigint }>(
    'SELECT size_bytes FROM storage.files WHERE file_id = $1 FOR UPDATE',
    [fileId],
  )
  const file = files[0]
  if (file === undefined) return undefined
  const placed = await session.query(
    'INSERT INTO storage.ranges (file_id, range_index, quorum) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING quorum',
    [fileId, rangeIndex, quorum],
  )
  if (placed.length > 0) {
    const wanted = maskToSql(fullMask(segmentCountOf(Number(file.size_bytes)), rangeIndex))
    await session.query(
      'INSERT INTO storage.holdings (file_id, range_index, node_id, wanted) SELECT $1::int8, $2::int4, unnest($3::bytea[]), $4::int8',
      [fileId, rangeIndex, nodeIds.map((nodeId) => fromHex(nodeId)), wanted],
    )
  }
  return findRange(session, { fileId, rangeIndex })
}
