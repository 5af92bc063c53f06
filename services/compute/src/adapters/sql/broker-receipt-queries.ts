import { encodeReceipt } from '@zerog/evidence'
import type { Sql, SqlSession } from '@zerog/ports'
import { fromHex, type Hex, toHex } from '@zerog/primitives'
import type { BrokerRepository, ReceiptRecord } from '../../app/broker/repository.ts'
import { RECEIPT_COLUMNS, type ReceiptRow, toReceipt } from './broker-rows.ts'

type Methods =
  | 'changeReceipts'
  | 'keepAlive'
  | 'expire'
  | 'receipt'
  | 'unsettled'
  | 'unacknowledgedCount'
  | 'billableUsers'
  | 'billable'
  | 'carry'
  | 'prune'

/** Receipts from the first checkpoint to the batch. */
export function receiptQueries(sql: Sql, provider: Uint8Array): Pick<BrokerRepository, Methods> {
  const select = async (condition: string, values: readonly (string | number | bigint | Uint8Array)[]) => {
    const rows = await sql.query<ReceiptRow>(`SELECT ${RECEIPT_COLUMNS} FROM compute_broker.receipts ${condition}`, values)
    return rows.map(toReceipt)
  }
  return {
    async changeReceipts({ checkpoints, finals, acknowledged, cut }) {
      const work = async (session: SqlSession) => {
        await insert(session, provider, checkpoints, INSERT)
        await insert(session, provider, finals, INSERT_FINALS)
        const accepted = await acknowledge(session, acknowledged)
        if (cut.length > 0) await session.query(CUT, [cut], PREPARED)
        return { acknowledged: new Set(accepted) }
      }
      // A single statement is a transaction of its own; asking for one would cost two more round trips before an answer's last byte.
      const kinds = [checkpoints, finals, acknowledged, cut].filter((changes) => changes.length > 0)
      return kinds.length > 1 ? sql.transaction(work) : work(sql)
    },
    async keepAlive(ids, deadlineMs) {
      if (ids.length === 0) return
      await sql.query(`UPDATE compute_broker.receipts SET deadline_ms = $2 WHERE id = ANY($1::text[]) AND state = 'pending'`, [
        ids,
        deadlineMs,
      ])
    },
    async expire(nowMs) {
      const rows = await sql.query<{ user_address: Uint8Array }>(
        `UPDATE compute_broker.receipts SET state = ${CUT_STATE}
         WHERE provider = $1 AND state = 'pending' AND deadline_ms <= $2 RETURNING user_address`,
        [provider, nowMs],
      )
      return [...new Set(rows.map((row) => toHex(row.user_address)))]
    },
    async receipt(id) {
      const found = await select(
        `WHERE id = $1 AND provider = $2
         ORDER BY CASE state WHEN 'pending' THEN 1 WHEN 'void' THEN 2 ELSE 0 END, kind DESC LIMIT 1`,
        [id, provider],
      )
      return found[0]
    },
    async unsettled(user) {
      const rows = await sql.query<{ amount: string }>(UNSETTLED, [provider, fromHex(user, 20)], PREPARED)
      return BigInt(rows[0]?.amount ?? '0')
    },
    async unacknowledgedCount(user, sinceMs) {
      const rows = await sql.query<{ count: bigint }>(
        `SELECT count(*)::int8 AS count FROM compute_broker.receipts WHERE provider = $1 AND user_address = $2 AND kind = 'final'
         AND state = 'void' AND acknowledgement = 'signed' AND finished_at_ms >= $3`,
        [provider, fromHex(user, 20), sinceMs],
        PREPARED,
      )
      return Number(rows[0]?.count ?? 0n)
    },
    async billableUsers(limit) {
      const rows = await sql.query<{ user_address: Uint8Array; amount: string; receipt_count: bigint; oldest_ms: bigint }>(
        BILLABLE_USERS,
        [provider, limit],
      )
      return rows.map((row) => ({
        user: toHex(row.user_address),
        amount: BigInt(row.amount),
        receiptCount: Number(row.receipt_count),
        oldestMs: Number(row.oldest_ms),
      }))
    },
    billable: (user, limit) =>
      select(`WHERE provider = $1 AND user_address = $2 AND state = 'billable' ORDER BY nonce LIMIT $3`, [
        provider,
        fromHex(user, 20),
        limit,
      ]),
    async carry(user) {
      const rows = await sql.query<{ requests_hash: Uint8Array; amount: string }>(
        'SELECT requests_hash, amount::text AS amount FROM compute_broker.carries WHERE provider = $1 AND user_address = $2',
        [provider, fromHex(user, 20)],
      )
      const row = rows[0]
      return row && { user, requestsHash: toHex(row.requests_hash), amount: BigInt(row.amount) }
    },
    async prune(beforeMs, limit) {
      const rows = await sql.query(PRUNE, [provider, beforeMs, limit])
      return rows.length
    },
  }
}

/** These run with every answer: planning them costs the database more than running them. */
const PREPARED = { prepared: true }

const CUT_STATE = `CASE kind WHEN 'final' THEN 'void' ELSE 'billable' END`
const CUT = `UPDATE compute_broker.receipts SET state = ${CUT_STATE} WHERE id = ANY($1::text[]) AND state = 'pending'`

/** A checkpoint gives way to a later one while it is pending; a final receipt stands as it was first written. */
const INSERT = `
  INSERT INTO compute_broker.receipts
    (id, kind, provider, user_address, model, receipt, receipt_hash, fee, nonce, finished_at_ms, signature, salt, params,
     acknowledgement, deadline_ms, state)
  SELECT id, kind, $2, user_address, model, receipt, receipt_hash, fee, nonce, finished_at_ms, signature, salt, params,
     acknowledgement, deadline_ms, 'pending'
  FROM unnest($1::text[], $3::text[], $4::bytea[], $5::text[], $6::bytea[], $7::bytea[], $8::numeric[], $9::int8[], $10::int8[],
     $11::bytea[], $12::bytea[], $13::text[], $14::text[], $15::int8[])
    AS new (id, kind, user_address, model, receipt, receipt_hash, fee, nonce, finished_at_ms, signature, salt, params,
     acknowledgement, deadline_ms)
  ON CONFLICT (id, kind) DO UPDATE SET receipt = excluded.receipt, receipt_hash = excluded.receipt_hash, fee = excluded.fee,
    nonce = excluded.nonce, finished_at_ms = excluded.finished_at_ms, signature = excluded.signature,
    salt = excluded.salt, deadline_ms = excluded.deadline_ms
  WHERE receipts.kind = 'checkpoint' AND receipts.state = 'pending'`

/** Checkpoint and final receipt of an answer expire together, so that never both count. */
const INSERT_FINALS = `
  WITH written AS (${INSERT} RETURNING id, deadline_ms)
  UPDATE compute_broker.receipts c SET deadline_ms = w.deadline_ms FROM written w
  WHERE c.id = w.id AND c.kind = 'checkpoint' AND c.state = 'pending'`

const UNSETTLED = `
  SELECT (
    coalesce((SELECT sum(fee) FROM (
      SELECT max(fee) AS fee FROM compute_broker.receipts
      WHERE provider = $1 AND user_address = $2 AND state IN ('pending', 'billable') GROUP BY id) AS dearest), 0)
    + coalesce((SELECT sum(u.sum) FROM compute_broker.batch_users u JOIN compute_broker.batches b USING (batch_id)
      WHERE b.provider = $1 AND u.user_address = $2 AND u.status IS NULL), 0)
    + coalesce((SELECT amount FROM compute_broker.carries WHERE provider = $1 AND user_address = $2), 0)
  )::text AS amount`

const BILLABLE_USERS = `
  SELECT user_address, sum(amount)::text AS amount, sum(receipt_count)::int8 AS receipt_count, min(oldest_ms)::int8 AS oldest_ms FROM (
    SELECT user_address, sum(fee) AS amount, count(*) AS receipt_count, min(finished_at_ms) AS oldest_ms
    FROM compute_broker.receipts WHERE provider = $1 AND state = 'billable' GROUP BY user_address
    UNION ALL
    SELECT user_address, amount, 0, 0 FROM compute_broker.carries WHERE provider = $1
  ) AS owed GROUP BY user_address ORDER BY oldest_ms, user_address LIMIT $2`

const PRUNE = `
  DELETE FROM compute_broker.receipts WHERE ctid = ANY (ARRAY(
    SELECT r.ctid FROM compute_broker.receipts r LEFT JOIN compute_broker.batches b USING (batch_id)
    WHERE r.provider = $1 AND (
      (r.state = 'void' AND r.finished_at_ms < $2) OR (r.state = 'batched' AND b.state = 'settled' AND b.created_at_ms < $2)
    ) LIMIT $3)) RETURNING id`

async function insert(
  session: SqlSession,
  provider: Uint8Array,
  records: readonly ReceiptRecord[],
  statement: string,
): Promise<void> {
  if (records.length === 0) return
  const bytes = (of: (record: ReceiptRecord) => Hex) => records.map((record) => fromHex(of(record)))
  const text = (of: (record: ReceiptRecord) => string) => records.map(of)
  const values = [
    text((record) => record.id),
    provider,
    text((record) => record.kind),
    bytes((record) => record.receipt.user),
    text((record) => record.model),
    records.map((record) => encodeReceipt(record.receipt)),
    bytes((record) => record.receiptHash),
    text((record) => String(record.receipt.fee)),
    records.map((record) => record.receipt.nonce),
    records.map((record) => record.receipt.finishedAt),
    bytes((record) => record.signature),
    bytes((record) => record.salt),
    text((record) => record.params),
    text((record) => record.acknowledgement),
    records.map((record) => record.deadlineMs),
  ]
  await session.query(statement, values, PREPARED)
}

async function acknowledge(session: SqlSession, ids: readonly string[]): Promise<readonly string[]> {
  if (ids.length === 0) return []
  // The whole answer counts now, so its checkpoint does not.
  const rows = await session.query<{ id: string }>(
    `WITH accepted AS (
       UPDATE compute_broker.receipts f SET state = 'billable'
       WHERE id = ANY($1::text[]) AND kind = 'final' AND state = 'pending' AND NOT EXISTS (
         SELECT 1 FROM compute_broker.receipts c WHERE c.id = f.id AND c.kind = 'checkpoint' AND c.state <> 'pending')
       RETURNING id
     ), dropped AS (
       DELETE FROM compute_broker.receipts WHERE id IN (SELECT id FROM accepted) AND kind = 'checkpoint'
     )
     SELECT id FROM accepted`,
    [ids],
    PREPARED,
  )
  return rows.map(({ id }) => id)
}
