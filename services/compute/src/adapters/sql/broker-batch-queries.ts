import type { Sql, SqlSession } from '@zerog/ports'
import { fromHex, type Hex, toHex } from '@zerog/primitives'
import { batchGone, claimTaken, fenced } from '../../app/broker/errors.ts'
import type { Batch, BrokerRepository, NewBatch, SettlementOutcome } from '../../app/broker/repository.ts'
import { type BatchRow, type BatchUserRow, toBatch } from './broker-rows.ts'

type Methods =
  | 'createBatch'
  | 'openBatch'
  | 'batch'
  | 'batchBlob'
  | 'recordPublication'
  | 'recordTransaction'
  | 'beginSettling'
  | 'recordOutcomes'
  | 'batchOfTransaction'
  | 'height'
  | 'recordHeight'
  | 'totals'

const USER_COLUMNS =
  'user_address, requests_hash, root, sum::text AS sum, receipt_count, carry_hash, carry_amount::text AS carry_amount, nonce::text AS nonce, status, unpaid::text AS unpaid'

/** Batches from their plan to the last outcome. */
export function batchQueries(sql: Sql, provider: Uint8Array): Pick<BrokerRepository, Methods> {
  const find = (session: SqlSession, condition: string, values: readonly (string | bigint | Uint8Array)[]) =>
    findBatch(session, `provider = $1 AND ${condition}`, [provider, ...values])
  return {
    createBatch: (batch, token) =>
      sql.transaction(async (session) => {
        await checkToken(session, provider, token)
        const batchId = await insertBatch(session, provider, batch)
        for (const user of batch.users) await takeClaims(session, { provider, batchId, user })
        return (await find(session, 'batch_id = $2', [batchId])) as Batch // inserted above
      }),
    openBatch: () => find(sql, `state <> 'settled'`, []),
    batch: (batchId) => find(sql, 'batch_id = $2', [batchId]),
    batchOfTransaction: (hash) => find(sql, '(anchor_hash = $2 OR settle_hash = $2)', [fromHex(hash, 32)]),
    async batchBlob(batchId) {
      const rows = await sql.query<{ blob: Uint8Array }>(
        'SELECT blob FROM compute_broker.batches WHERE provider = $1 AND batch_id = $2',
        [provider, batchId],
      )
      return rows[0]?.blob
    },
    recordPublication: (batchId, publication, token) =>
      sql.transaction(async (session) => {
        await checkToken(session, provider, token)
        const rows = await session.query(`UPDATE compute_broker.batches SET publication = $2 WHERE ${OPEN} RETURNING batch_id`, [
          batchId,
          publication,
        ])
        if (rows.length === 0) throw batchGone(batchId)
      }),
    recordTransaction: (batchId, step, { raw, hash, nonce }, token) =>
      sql.transaction(async (session) => {
        await checkToken(session, provider, token)
        const rows = await session.query(
          `UPDATE compute_broker.batches SET ${step}_raw = $2, ${step}_hash = $3, ${step}_nonce = $4 WHERE ${OPEN} RETURNING batch_id`,
          [batchId, fromHex(raw), fromHex(hash, 32), nonce],
        )
        if (rows.length === 0) throw batchGone(batchId)
      }),
    async beginSettling(batchId) {
      await sql.query(
        `UPDATE compute_broker.batches SET state = CASE WHEN EXISTS (
           SELECT 1 FROM compute_broker.batch_users WHERE batch_id = $1 AND status IS NULL) THEN 'settling' ELSE 'settled' END
         WHERE batch_id = $1 AND state = 'built'`,
        [batchId],
      )
    },
    recordOutcomes: (batchId, outcomes) =>
      sql.transaction(async (session) => {
        const open = await session.query(`SELECT batch_id FROM compute_broker.batches WHERE ${OPEN} FOR UPDATE`, [batchId])
        if (open.length === 0) return
        for (const [user, outcome] of outcomes) await recordOutcome(session, { provider, batchId, user, outcome })
        await session.query(
          `UPDATE compute_broker.batches SET state = 'settled' WHERE ${OPEN} AND NOT EXISTS (
             SELECT 1 FROM compute_broker.batch_users WHERE batch_id = $1 AND status IS NULL)`,
          [batchId],
        )
      }),
    async height() {
      const rows = await sql.query<{ height: bigint }>('SELECT height FROM compute_broker.heights WHERE provider = $1', [
        provider,
      ])
      return rows[0]?.height
    },
    async recordHeight(height) {
      await sql.query(
        `INSERT INTO compute_broker.heights (provider, height) VALUES ($1, $2)
         ON CONFLICT (provider) DO UPDATE SET height = greatest(heights.height, excluded.height)`,
        [provider, height],
      )
    },
    async totals() {
      const rows = await sql.query<Record<'billable' | 'in_batches' | 'paid' | 'carried', string>>(TOTALS, [provider])
      const row = rows[0] as (typeof rows)[number] // an aggregate has one row
      return {
        billable: BigInt(row.billable),
        inBatches: BigInt(row.in_batches),
        paid: BigInt(row.paid),
        carried: BigInt(row.carried),
      }
    },
  }
}

const OPEN = `batch_id = $1 AND state <> 'settled'`

const TOTALS = `
  SELECT coalesce((SELECT sum(fee) FROM compute_broker.receipts WHERE provider = $1 AND state = 'billable'), 0)::text AS billable,
    coalesce(sum(u.sum) FILTER (WHERE u.status IS NULL), 0)::text AS in_batches,
    coalesce(sum(u.sum - u.unpaid) FILTER (WHERE u.status IS NOT NULL), 0)::text AS paid,
    coalesce((SELECT sum(amount) FROM compute_broker.carries WHERE provider = $1), 0)::text AS carried
  FROM compute_broker.batch_users u JOIN compute_broker.batches b USING (batch_id) WHERE b.provider = $1`

/** The row lock makes holders of two tokens wait for each other; the older one finds the newer token and stops. */
async function checkToken(session: SqlSession, provider: Uint8Array, token: bigint): Promise<void> {
  const rows = await session.query<{ token: bigint }>(
    `INSERT INTO compute_broker.leaders (provider, token) VALUES ($1, $2)
     ON CONFLICT (provider) DO UPDATE SET token = greatest(leaders.token, excluded.token) RETURNING token`,
    [provider, token],
  )
  const newest = rows[0]?.token ?? token
  if (newest > token) throw fenced(token, newest)
}

async function insertBatch(session: SqlSession, provider: Uint8Array, { root, blob, createdAtMs }: NewBatch): Promise<bigint> {
  const rows = await session.query<{ batch_id: bigint }>(
    `INSERT INTO compute_broker.batches (provider, state, root, blob, created_at_ms) VALUES ($1, 'built', $2, $3, $4)
     ON CONFLICT (provider) WHERE state <> 'settled' DO NOTHING RETURNING batch_id`,
    [provider, fromHex(root, 32), blob, createdAtMs],
  )
  const batchId = rows[0]?.batch_id
  if (batchId === undefined) throw claimTaken('the open batch')
  return batchId
}

async function takeClaims(
  session: SqlSession,
  { provider, batchId, user: of }: { provider: Uint8Array; batchId: bigint; user: NewBatch['users'][number] },
): Promise<void> {
  const { carry, receiptIds } = of
  const user = fromHex(of.user, 20)
  const taken = await session.query<{ requests_hash: Uint8Array; amount: string }>(
    `DELETE FROM compute_broker.carries WHERE provider = $1 AND user_address = $2 RETURNING requests_hash, amount::text AS amount`,
    [provider, user],
  )
  const present = taken[0]
  const same =
    present === undefined
      ? carry === undefined
      : toHex(present.requests_hash) === carry?.requestsHash && BigInt(present.amount) === carry.amount
  if (!same) throw claimTaken('a carry')
  // What is anchored only, for there is nothing to pay, has its outcome from the start.
  await session.query(
    `INSERT INTO compute_broker.batch_users (batch_id, user_address, requests_hash, root, sum, receipt_count, carry_hash, carry_amount, nonce, status, unpaid)
     VALUES ($1, $2, $3, $4, $5::numeric, $6, $7, $8::numeric, $9::numeric, CASE WHEN $5::numeric = 0 THEN 0 END, CASE WHEN $5::numeric = 0 THEN 0 END)`,
    [
      batchId,
      user,
      fromHex(of.requestsHash, 32),
      fromHex(of.root, 32),
      String(of.sum),
      of.receiptCount,
      carry === undefined ? null : fromHex(carry.requestsHash, 32),
      carry === undefined ? null : String(carry.amount),
      String(of.nonce),
    ],
  )
  const marked = await session.query(
    `UPDATE compute_broker.receipts r SET state = 'batched', batch_id = $1, leaf_index = leaf.ordinality - 1 + $4
     FROM unnest($2::text[]) WITH ORDINALITY AS leaf (id, ordinality)
     WHERE r.id = leaf.id AND r.state = 'billable' AND r.user_address = $3 RETURNING r.id`,
    [batchId, receiptIds, user, carry === undefined ? 0 : 1],
  )
  if (marked.length !== receiptIds.length) throw claimTaken('a receipt')
}

async function recordOutcome(
  session: SqlSession,
  { provider, batchId, user, outcome }: { provider: Uint8Array; batchId: bigint; user: Hex; outcome: SettlementOutcome },
): Promise<void> {
  const rows = await session.query<{ requests_hash: Uint8Array }>(
    `UPDATE compute_broker.batch_users SET status = $3, unpaid = $4::numeric
     WHERE batch_id = $1 AND user_address = $2 AND status IS NULL RETURNING requests_hash`,
    [batchId, fromHex(user, 20), outcome.status, String(outcome.unpaid)],
  )
  const row = rows[0]
  if (row === undefined || outcome.unpaid === 0n) return
  await session.query(
    `INSERT INTO compute_broker.carries (provider, user_address, requests_hash, amount) VALUES ($1, $2, $3, $4::numeric)`,
    [provider, fromHex(user, 20), row.requests_hash, String(outcome.unpaid)],
  )
}

async function findBatch(
  session: SqlSession,
  condition: string,
  values: readonly (string | bigint | Uint8Array)[],
): Promise<Batch | undefined> {
  const rows = await session.query<BatchRow>(
    `SELECT batch_id, state, root, created_at_ms, publication, anchor_raw, anchor_hash, anchor_nonce, settle_raw, settle_hash, settle_nonce
     FROM compute_broker.batches WHERE ${condition} LIMIT 1`,
    values,
  )
  const row = rows[0]
  if (row === undefined) return undefined
  const users = await session.query<BatchUserRow>(
    `SELECT ${USER_COLUMNS} FROM compute_broker.batch_users WHERE batch_id = $1 ORDER BY user_address`,
    [row.batch_id],
  )
  return toBatch(row, users)
}
