import { decodeReceipt } from '@zerog/evidence'
import type { Sql } from '@zerog/ports'
import { fromHex, type Hex, isHex, toHex } from '@zerog/primitives'
import type { LineageAnswer, LineageBatch, LineageRepository } from '../../app/broker/lineage.ts'
import type { BatchState } from '../../app/broker/repository.ts'
import { readPublication } from '../../app/broker/settlement.ts'
import { receiptJournal } from './broker-journal.ts'

/** Answers of one reply, and the user's last batches in which those of a model are looked for. */
const ANSWERS_MAX = 100
const BATCHES_MAX = 100

/** Out of the broker's tables, which must be there. No index of its own: batches are few, and receipts are found by id or batch. */
export function sqlLineageRepository(sql: Sql, provider: Hex): LineageRepository {
  const address = fromHex(provider, 20)
  const journal = receiptJournal(sql, address)
  return {
    async find(user, name) {
      await journal.move()
      const who = [address, fromHex(user, 20), ANSWERS_MAX]
      const rows = isHex(name, 32)
        ? await sql.query<AnswerRow>(BY_ROOT, [...who, fromHex(name, 32), name.toLowerCase(), BATCHES_MAX])
        : await sql.query<AnswerRow>(BY_ID, [...who, name])
      const ids = [...new Set(rows.flatMap(({ batch_id: id }) => (id === null ? [] : [id])))]
      const batches = ids.length === 0 ? [] : await sql.query<BatchRow>(BATCHES, [address, ids])
      const roots = new Map(batches.map(({ batch_id: id, root }) => [id, toHex(root)]))
      return { answers: rows.map((row) => toAnswer(row, roots)), batches: batches.map(toBatch) }
    },
  }
}

type AnswerRow = { id: string; model: string; receipt: Uint8Array; batch_id: bigint | null }
type BatchRow = {
  batch_id: bigint
  root: Uint8Array
  state: BatchState
  publication: string | null
  anchor_hash: Uint8Array | null
  settle_hash: Uint8Array | null
}

/** Final before checkpoint where both are there; only what counts or may count. */
const ANSWERS = `
  SELECT DISTINCT ON (r.finished_at_ms, r.id) r.id, r.model, r.receipt, r.batch_id FROM compute_broker.receipts r
  WHERE r.provider = $1 AND r.user_address = $2 AND r.state <> 'void'`
const ORDER = ` ORDER BY r.finished_at_ms DESC, r.id, r.kind DESC LIMIT $3`

const BY_ID = `${ANSWERS} AND r.id = $4 ${ORDER}`

/** The model's root stands behind version and two hashes of an encoded receipt (docs/spec/receipt.md). */
const BY_ROOT = `
  WITH recent AS (
    SELECT b.batch_id, b.root, b.publication FROM compute_broker.batches b JOIN compute_broker.batch_users u USING (batch_id)
    WHERE b.provider = $1 AND u.user_address = $2 ORDER BY b.batch_id DESC
  ), named AS (
    SELECT batch_id FROM recent WHERE root = $4 OR publication::jsonb->>'dataRoot' = $5
  )
  ${ANSWERS} AND (
    r.batch_id IN (SELECT batch_id FROM named)
    OR (r.batch_id IN (SELECT batch_id FROM recent LIMIT $6) AND substring(r.receipt FROM 66 FOR 32) = $4)
  ) ${ORDER}`

const BATCHES = `
  SELECT batch_id, root, state, publication, anchor_hash, settle_hash FROM compute_broker.batches
  WHERE provider = $1 AND batch_id = ANY($2::int8[]) ORDER BY batch_id DESC`

function toAnswer({ id, model, receipt, batch_id: batchId }: AnswerRow, roots: ReadonlyMap<bigint, Hex>): LineageAnswer {
  const { modelRoot, requestHash, responseHash, finishedAt } = decodeReceipt(receipt)
  const batchRoot = batchId === null ? undefined : roots.get(batchId)
  return { id, model, modelRoot, requestHash, responseHash, finishedAtMs: Number(finishedAt), batchRoot }
}

function toBatch({ root, state, publication, anchor_hash: anchor, settle_hash: settle }: BatchRow): LineageBatch {
  return {
    root: toHex(root),
    state,
    publication: publication === null ? undefined : readPublication(publication),
    anchorTransaction: anchor === null ? undefined : toHex(anchor),
    settlementTransaction: settle === null ? undefined : toHex(settle),
  }
}
