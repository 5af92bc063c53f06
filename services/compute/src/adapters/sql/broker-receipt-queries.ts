import type { Sql, SqlSession } from '@zerog/ports'
import { fromHex, toHex } from '@zerog/primitives'
import type { BrokerRepository } from '../../app/broker/repository.ts'
import { receiptJournal } from './broker-journal.ts'
import { type BillableRow, RECEIPT_COLUMNS, type ReceiptRow, toReceipt } from './broker-rows.ts'

type Methods =
  | 'appendReceipts'
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
  const journal = receiptJournal(sql, provider)
  const select = async (condition: string, values: readonly (string | number | bigint | Uint8Array)[]) => {
    const rows = await sql.query<ReceiptRow>(`SELECT ${RECEIPT_COLUMNS} FROM compute_broker.receipts ${condition}`, values)
    return rows.map(toReceipt)
  }
  return {
    appendReceipts: journal.append,
    changeReceipts: ({ acknowledged, cut }) =>
      sql.transaction(async (session) => {
        const accepted = await journal.moveWithin(session, acknowledged)
        const moved = new Set(accepted)
        const others = acknowledged.filter((id) => !moved.has(id))
        for (const id of await acknowledge(session, others)) moved.add(id)
        if (cut.length > 0) await session.query(CUT, [cut], PREPARED)
        return { acknowledged: moved }
      }),
    async keepAlive(ids, deadlineMs) {
      if (ids.length === 0) return
      await journal.move()
      await sql.query(`UPDATE compute_broker.receipts SET deadline_ms = $2 WHERE id = ANY($1::text[]) AND state = 'pending'`, [
        ids,
        deadlineMs,
      ])
    },
    async expire(nowMs) {
      await journal.move()
      const rows = await sql.query<{ user_address: Uint8Array }>(
        `UPDATE compute_broker.receipts SET state = ${CUT_STATE}
         WHERE provider = $1 AND state = 'pending' AND deadline_ms <= $2 RETURNING user_address`,
        [provider, nowMs],
      )
      return [...new Set(rows.map((row) => toHex(row.user_address)))]
    },
    async receipt(id) {
      const find = () =>
        select(
          `WHERE id = $1 AND provider = $2
           ORDER BY CASE state WHEN 'pending' THEN 1 WHEN 'void' THEN 2 ELSE 0 END, kind DESC LIMIT 1`,
          [id, provider],
        )
      const [found] = await find()
      // Nothing that is on its way replaces a final receipt.
      if (found?.kind === 'final') return found
      await journal.move()
      return (await find())[0]
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
    async billable(user, limit) {
      const rows = await sql.query<BillableRow>(
        `SELECT id, kind, receipt_hash, salt, fee::text AS fee, nonce FROM compute_broker.receipts
         WHERE provider = $1 AND user_address = $2 AND state = 'billable' ORDER BY nonce LIMIT $3`,
        [provider, fromHex(user, 20), limit],
      )
      return rows.map(({ id, kind, receipt_hash: hash, salt, fee, nonce }) => ({
        id,
        kind,
        receiptHash: toHex(hash),
        salt: toHex(salt),
        fee: BigInt(fee),
        nonce,
      }))
    },
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

const UNSETTLED = `
  SELECT (
    coalesce((SELECT sum(fee) FROM (
      SELECT max(fee) AS fee FROM (
        SELECT id, fee FROM compute_broker.receipts
        WHERE provider = $1 AND user_address = $2 AND state IN ('pending', 'billable')
        UNION ALL
        SELECT e.id, e.fee FROM compute_broker.receipt_journal j,
          json_to_record(j.entry::json) AS e (id text, fee numeric, user_address text)
        WHERE j.provider = $1 AND e.user_address = encode($2, 'hex')
      ) AS owed GROUP BY id) AS dearest), 0)
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
