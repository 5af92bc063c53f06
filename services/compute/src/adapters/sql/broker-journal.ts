import { createHash } from 'node:crypto'
import { encodeReceipt } from '@zerog/evidence'
import type { Sql, SqlSession } from '@zerog/ports'
import { type Hex, toHex, ZerogError } from '@zerog/primitives'
import type { ReceiptRecord } from '../../app/broker/repository.ts'

/**
 * Where signed receipts arrive: one short insert, without constraints beside a rising key, is all that an answer waits for. Whoever needs
 * the receipts in their table moves them first; moves of one provider go one after the other, and each is all or nothing (ADR 0168).
 */
export type ReceiptJournal = {
  append(records: readonly ReceiptRecord[]): Promise<void>
  /** Everything that was there when this was called is in the table afterwards. Calls that come together share one move. */
  move(): Promise<void>
  /** The same within a transaction. Gives the ids among `acknowledged` whose receipts went into the table as billable. */
  moveWithin(session: SqlSession, acknowledged: readonly string[]): Promise<readonly string[]>
}

export function receiptJournal(sql: Sql, provider: Uint8Array): ReceiptJournal {
  const lock = lockKey(provider)

  async function moveWithin(session: SqlSession, acknowledged: readonly string[]): Promise<readonly string[]> {
    // In a statement of its own: what the holder before moved must be seen by the next one.
    await session.query('SELECT pg_advisory_xact_lock($1)', [lock], PREPARED)
    const rows = await session.query<{ id: string }>(MOVE, [provider, acknowledged], PREPARED)
    return rows.map(({ id }) => id)
  }

  const move = shared(async () => {
    await sql.transaction((session) => moveWithin(session, []))
  })

  return {
    async append(records) {
      if (records.length === 0) return
      await sql.query(APPEND, [provider, records.map(entryOf).join('\n')], PREPARED)
    },
    move,
    moveWithin,
  }
}

/** These run with every answer: planning them costs the database more than running them. */
const PREPARED = { prepared: true }

/** JSON has no line break of its own. An array of texts would have every quote in it escaped first. */
const APPEND = `
  INSERT INTO compute_broker.receipt_journal (provider, entry) SELECT $1, unnest(string_to_array($2, E'\\n'))`

/** @throws ZerogError INVALID_ARGUMENT for text that could not be moved: it would keep everything else in the journal, too */
function entryOf(record: ReceiptRecord): string {
  const { receipt } = record
  for (const text of [record.id, record.model, record.params]) {
    if (text.includes('\0') || !text.isWellFormed()) {
      throw new ZerogError('INVALID_ARGUMENT', { message: 'a receipt holds text that PostgreSQL cannot keep' })
    }
  }
  return JSON.stringify({
    id: record.id,
    kind: record.kind,
    user_address: digits(receipt.user),
    model: record.model,
    receipt: digits(toHex(encodeReceipt(receipt))),
    receipt_hash: digits(record.receiptHash),
    // As text: a number of JSON is exact in PostgreSQL, but not for everybody who reads the table.
    fee: String(receipt.fee),
    nonce: String(receipt.nonce),
    finished_at_ms: String(receipt.finishedAt),
    signature: digits(record.signature),
    salt: digits(record.salt),
    params: record.params,
    acknowledgement: record.acknowledgement,
    deadline_ms: record.deadlineMs,
  })
}

function digits(hex: Hex): string {
  return hex.slice(2)
}

/**
 * Of one answer the last checkpoint and the first final receipt. They get one deadline, so that never both count. What was acknowledged
 * meanwhile is written once, as billable, unless the answer has a checkpoint: whether that was billed already is asked under its lock,
 * by the statement that acknowledges.
 */
const MOVE = `
  WITH moved AS (
    DELETE FROM compute_broker.receipt_journal WHERE provider = $1 RETURNING entry
  ), latest AS (
    SELECT DISTINCT ON (e.id, e.kind) e.*, max(e.deadline_ms) OVER answer AS answer_deadline_ms,
      count(*) FILTER (WHERE e.kind = 'checkpoint') OVER answer > 0 AS has_checkpoint
    FROM moved, json_to_record(moved.entry::json) AS e (id text, kind text, user_address text, model text, receipt text,
      receipt_hash text, fee numeric, nonce int8, finished_at_ms int8, signature text, salt text, params text, acknowledgement text,
      deadline_ms int8)
    WINDOW answer AS (PARTITION BY e.id)
    ORDER BY e.id, e.kind, CASE e.kind WHEN 'final' THEN e.nonce ELSE -e.nonce END
  ), written AS (
    INSERT INTO compute_broker.receipts AS present
      (id, kind, provider, user_address, model, receipt, receipt_hash, fee, nonce, finished_at_ms, signature, salt, params,
       acknowledgement, deadline_ms, state)
    SELECT id, kind, $1, decode(user_address, 'hex'), model, decode(receipt, 'hex'), decode(receipt_hash, 'hex'), fee, nonce,
      finished_at_ms, decode(signature, 'hex'), decode(salt, 'hex'), params, acknowledgement, answer_deadline_ms,
      CASE WHEN kind = 'final' AND id = ANY($2::text[]) AND NOT has_checkpoint AND NOT EXISTS (
        SELECT 1 FROM compute_broker.receipts c WHERE c.id = latest.id AND c.kind = 'checkpoint') THEN 'billable' ELSE 'pending' END
    FROM latest
    ON CONFLICT (id, kind) DO UPDATE SET receipt = excluded.receipt, receipt_hash = excluded.receipt_hash, fee = excluded.fee,
      nonce = excluded.nonce, finished_at_ms = excluded.finished_at_ms, signature = excluded.signature,
      salt = excluded.salt, deadline_ms = excluded.deadline_ms
    WHERE present.kind = 'checkpoint' AND present.state = 'pending'
    RETURNING id, kind, deadline_ms, state
  ), together AS (
    UPDATE compute_broker.receipts c SET deadline_ms = w.deadline_ms FROM written w
    WHERE w.kind = 'final' AND c.id = w.id AND c.kind = 'checkpoint' AND c.state = 'pending'
      AND NOT EXISTS (SELECT 1 FROM latest l WHERE l.id = c.id AND l.kind = 'checkpoint')
  )
  SELECT id FROM written WHERE state = 'billable'`

/** One number for all brokers of a provider. */
function lockKey(provider: Uint8Array): bigint {
  return createHash('sha256').update('compute_broker.receipt_journal').update(provider).digest().readBigInt64BE()
}

/** Runs one after the other. Whoever calls while one runs shares the next, which begins after his call. */
function shared(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined

  function begin(): Promise<void> {
    next = undefined
    const run = work().finally(() => {
      if (running === run) running = undefined
    })
    running = run
    return run
  }

  return () => {
    if (running === undefined) return begin()
    next ??= running.then(begin, begin)
    return next
  }
}
