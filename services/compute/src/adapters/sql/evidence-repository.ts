import type { Migration, Sql } from '@zerog/ports'
import { fromHex, type Hex } from '@zerog/primitives'
import type { EvidenceRepository } from '../../app/broker/evidence-ports.ts'
import { RECEIPT_COLUMNS, type ReceiptRow, toReceipt } from './broker-rows.ts'

const SCHEMA = 'compute_evidence'

const MIGRATIONS: readonly Migration[] = [
  {
    number: 1,
    name: 'evidence of batches',
    sql: `
      -- Either material or the reason why there is none. Batches are those of schema compute_broker.
      CREATE TABLE compute_evidence.batches (
        provider bytea NOT NULL,
        batch_id int8 NOT NULL,
        height int8 NOT NULL,
        material bytea,
        refused text,
        kept_at_ms int8 NOT NULL,
        PRIMARY KEY (provider, batch_id),
        CHECK ((material IS NULL) <> (refused IS NULL))
      );
      CREATE INDEX batches_by_time ON compute_evidence.batches (provider, kept_at_ms);
    `,
  },
  {
    number: 2,
    name: 'batches by time of creation',
    // Looked through every second for what is missing, and batches are kept for ever.
    sql: 'CREATE INDEX IF NOT EXISTS batches_by_creation ON compute_broker.batches (provider, created_at_ms)',
  },
]

/** Evidence of one provider's batches in PostgreSQL; the broker's own tables must be there. */
export async function sqlEvidenceRepository(sql: Sql, provider: Hex): Promise<EvidenceRepository> {
  await sql.migrate({ schema: SCHEMA, migrations: MIGRATIONS })
  const address = fromHex(provider, 20)
  return {
    async missing(sinceMs, limit) {
      const rows = await sql.query<{ batch_id: bigint }>(MISSING, [address, sinceMs, limit])
      return rows.map((row) => row.batch_id)
    },
    async keep(batchId, evidence, nowMs) {
      const [material, refused] = 'material' in evidence ? [evidence.material, null] : [null, evidence.refused]
      await sql.query(
        `INSERT INTO compute_evidence.batches (provider, batch_id, height, material, refused, kept_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (provider, batch_id) DO NOTHING`,
        [address, batchId, evidence.height, material, refused, nowMs],
      )
    },
    async kept(batchId) {
      const [row] = await sql.query<{ height: bigint; material: Uint8Array | null; refused: string | null }>(
        'SELECT height, material, refused FROM compute_evidence.batches WHERE provider = $1 AND batch_id = $2',
        [address, batchId],
      )
      if (row === undefined) return undefined
      const { height, material, refused } = row
      return material === null ? { height, refused: refused ?? '' } : { height, material }
    },
    async samples(batchId) {
      const rows = await sql.query<ReceiptRow>(SAMPLES, [address, batchId])
      return rows.map(toReceipt)
    },
    async prune(beforeMs, limit) {
      const rows = await sql.query(
        `DELETE FROM compute_evidence.batches WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM compute_evidence.batches WHERE provider = $1 AND kept_at_ms < $2 LIMIT $3)) RETURNING batch_id`,
        [address, beforeMs, limit],
      )
      return rows.length
    },
  }
}

const MISSING = `
  SELECT b.batch_id FROM compute_broker.batches b
  WHERE b.provider = $1 AND b.state = 'settled' AND b.publication IS NOT NULL AND b.created_at_ms >= $2
    AND NOT EXISTS (SELECT 1 FROM compute_evidence.batches e WHERE e.provider = b.provider AND e.batch_id = b.batch_id)
  ORDER BY b.batch_id LIMIT $3`

/** The model's root stands behind version, request hash and response hash of an encoded receipt (docs/spec/receipt.md). */
const SAMPLES = `
  SELECT DISTINCT ON (user_address, substring(receipt FROM 66 FOR 32)) ${RECEIPT_COLUMNS}
  FROM compute_broker.receipts WHERE provider = $1 AND batch_id = $2
  ORDER BY user_address, substring(receipt FROM 66 FOR 32), leaf_index`
