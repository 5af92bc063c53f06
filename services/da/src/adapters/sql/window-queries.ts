import type { Statement } from '@zerog/availability'
import type { Sql, SqlSession } from '@zerog/ports'
import type { DisperserRepository, Fence, FinalBundle, WindowRecord } from '../../app/disperser/repository.ts'
import { fenced, wrongState } from './memory-repository.ts'
import { PREPARED, requireFence, type StatementRow, toStatement } from './rows.ts'

type Methods =
  | 'saveWindow'
  | 'closeWindow'
  | 'closeWindows'
  | 'certificate'
  | 'submittable'
  | 'windowsOf'
  | 'pendingTransaction'
  | 'saveTransaction'
  | 'settleTransaction'
  | 'postponeWindow'
  | 'abandonWindow'
  | 'nextHeight'
  | 'applyBlock'
  | 'finalizeWindow'

type WindowRow = { id: string; certificate: Uint8Array; attempts: number; transaction_hash: Uint8Array | null }

const SELECT_WINDOWS = 'SELECT id, certificate, attempts, transaction_hash FROM da.windows'
const CHECKPOINT = 'entrance'
const STATEMENT = 'commitment, k, n, row_bytes, payload_bytes, epoch, committee, expiry'

/** Certificates, the transactions that carry them, and what the chain said about them. */
export function windowQueries(sql: Sql): Pick<DisperserRepository, Methods> {
  const fencedWork = <T>(fence: Fence, work: (session: SqlSession) => Promise<T>): Promise<T> =>
    sql.transaction(async (session) => {
      await requireFence(session, fence)
      return work(session)
    })
  const fencedQuery = async (fence: Fence, text: string, values: readonly (string | number | bigint)[]) => {
    await fencedWork(fence, (session) => session.query(text, values, PREPARED))
  }
  return {
    async saveWindow(fence, { id, epoch, committee, root, certificate, bundleIds, certifiedAtMs }) {
      // One statement, because its caller waits for the answer: a transaction of five took three times as long.
      const [done] = await sql.query<{ fenced: boolean; kept: boolean; known: boolean }>(
        `WITH fence AS MATERIALIZED (SELECT 1 FROM da.fences WHERE name = $1 AND token = $2 FOR SHARE),
         wanted AS MATERIALIZED (
           SELECT u.id, given.index FROM unnest($3::text[]) WITH ORDINALITY AS given(id, index) JOIN da.bundles u ON u.id = given.id
           WHERE NOT u.failed AND (u.window_id IS NULL OR u.window_id = $4) FOR UPDATE OF u
         ),
         kept AS (
           INSERT INTO da.windows AS w (id, certificate, certified_at_ms, epoch, committee, root) SELECT $4, $5, $6, $7, $8, $9
           WHERE EXISTS (SELECT FROM fence) AND (SELECT count(*) FROM wanted) = cardinality($3::text[])
           ON CONFLICT (id) DO UPDATE SET certificate = excluded.certificate WHERE NOT w.closed RETURNING id
         ),
         bundled AS (
           UPDATE da.bundles u SET window_id = $4, window_index = wanted.index - 1 FROM wanted
           WHERE u.id = wanted.id AND EXISTS (SELECT FROM kept) RETURNING u.id
         )
         SELECT NOT EXISTS (SELECT FROM fence) AS fenced, EXISTS (SELECT FROM kept) AS kept,
           (SELECT count(*) FROM wanted) = cardinality($3::text[]) AS known`,
        [fence.name, fence.token, bundleIds, id, certificate, certifiedAtMs, epoch, committee, root],
        PREPARED,
      )
      if (done?.fenced !== false) throw fenced(fence.name)
      if (!done.known) throw wrongState('a bundle belongs to another window')
      if (!done.kept) throw wrongState(`window ${id} is closed`)
    },
    closeWindow: (fence, windowId) => fencedQuery(fence, 'UPDATE da.windows SET closed = true WHERE id = $1', [windowId]),
    closeWindows: (fence, owner) =>
      fencedWork(fence, async (session) => {
        const rows = await session.query(
          `UPDATE da.windows w SET closed = true
           WHERE NOT w.closed AND EXISTS (SELECT 1 FROM da.bundles u WHERE u.window_id = w.id AND u.owner = $1) RETURNING w.id`,
          [owner],
        )
        return rows.length
      }),
    async certificate(commitment, epoch) {
      const [found] = await sql.query<{
        certificate: Uint8Array
        window_id: string
        window_index: number
        transaction_hash: Uint8Array | null
      }>(
        `SELECT w.certificate, u.window_id, u.window_index, u.transaction_hash
         FROM da.bundles u JOIN da.windows w ON w.id = u.window_id WHERE u.commitment = $1 AND u.epoch = $2
         ORDER BY u.created_at_ms LIMIT 1`,
        [commitment, epoch],
      )
      if (found === undefined) return undefined
      const statements = (await statementsOf(sql, [found.window_id])).get(found.window_id) ?? []
      const transactionHash = found.transaction_hash ?? undefined
      return { certificate: found.certificate, statements, index: found.window_index, transactionHash }
    },

    async submittable(nowMs, limit) {
      const due = await sql.query<WindowRow>(
        `${SELECT_WINDOWS} WHERE NOT final AND closed AND nonce IS NULL AND retry_at_ms <= $1
         ORDER BY certified_at_ms, id COLLATE "C" LIMIT $2`,
        [nowMs, limit],
        PREPARED,
      )
      const [next] = await sql.query<{ at: bigint | null }>(
        'SELECT min(retry_at_ms) AS at FROM da.windows WHERE NOT final AND closed AND nonce IS NULL AND retry_at_ms > $1',
        [nowMs],
        PREPARED,
      )
      return { windows: await toWindows(sql, due), nextAtMs: next?.at == null ? undefined : Number(next.at) }
    },
    async windowsOf(windowIds) {
      const rows = await sql.query<WindowRow>(
        `${SELECT_WINDOWS} WHERE NOT final AND id = ANY($1::text[]) ORDER BY certified_at_ms, id COLLATE "C"`,
        [windowIds],
      )
      return toWindows(sql, rows)
    },
    async pendingTransaction() {
      const [row] = await sql.query<{
        nonce: bigint
        raw: Uint8Array
        hash: Uint8Array
        sent_at_ms: bigint
        fee_per_gas: string
      }>(
        'SELECT nonce, raw, hash, sent_at_ms, fee_per_gas FROM da.transactions WHERE NOT settled ORDER BY nonce LIMIT 1',
        [],
        PREPARED,
      )
      if (row === undefined) return undefined
      const windows = await sql.query<{ id: string }>(
        'SELECT id FROM da.windows WHERE nonce = $1 ORDER BY id',
        [row.nonce],
        PREPARED,
      )
      return {
        nonce: Number(row.nonce),
        raw: row.raw,
        hash: row.hash,
        sentAtMs: Number(row.sent_at_ms),
        feePerGas: BigInt(row.fee_per_gas),
        windowIds: windows.map(({ id }) => id),
      }
    },
    saveTransaction: (fence, { nonce, raw, hash, sentAtMs, feePerGas, windowIds }) =>
      fencedWork(fence, async (session) => {
        await session.query(
          `INSERT INTO da.transactions (nonce, raw, hash, sent_at_ms, fee_per_gas) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (nonce) DO UPDATE SET raw = excluded.raw, hash = excluded.hash, sent_at_ms = excluded.sent_at_ms,
             fee_per_gas = excluded.fee_per_gas, settled = false`,
          [nonce, raw, hash, sentAtMs, feePerGas.toString()],
        )
        await session.query('UPDATE da.windows SET nonce = $1, transaction_hash = $3 WHERE id = ANY($2::text[])', [
          nonce,
          windowIds,
          hash,
        ])
      }),
    settleTransaction: (fence, { nonce, gasUsed, retryAtMs }) =>
      fencedWork(fence, async (session) => {
        await session.query('UPDATE da.transactions SET settled = true, gas_used = $2 WHERE nonce = $1', [nonce, gasUsed ?? null])
        await session.query(
          'UPDATE da.windows SET nonce = NULL, attempts = attempts + 1, retry_at_ms = $2 WHERE nonce = $1 AND NOT final',
          [nonce, retryAtMs],
        )
      }),
    postponeWindow: (fence, windowId, retryAtMs) =>
      fencedQuery(fence, 'UPDATE da.windows SET attempts = attempts + 1, retry_at_ms = $2 WHERE id = $1', [windowId, retryAtMs]),

    abandonWindow: (fence, windowId, { reason, message }) =>
      fencedWork(fence, async (session) => {
        // `final` says that nothing is to be done for a window any more; what became of its bundles stands in their rows.
        const lost = await session.query<{ id: string; owner: number }>(
          `WITH done AS (UPDATE da.windows SET final = true WHERE id = $1 AND NOT final RETURNING id)
           UPDATE da.bundles u SET failed = true FROM done WHERE u.window_id = done.id RETURNING u.id, u.owner, u.window_index`,
          [windowId],
        )
        await session.query(
          `UPDATE da.blobs SET failure_reason = $2, failure_message = $3 WHERE failure_reason IS NULL
             AND id IN (SELECT blob_id FROM da.parts WHERE bundle_id = ANY($1::text[]))`,
          [lost.map(({ id }) => id), reason, message],
        )
        return lost.map(({ id, owner }) => ({ id, owner }))
      }),

    async nextHeight() {
      const [row] = await sql.query<{ next_height: bigint }>('SELECT next_height FROM da.checkpoints WHERE name = $1', [
        CHECKPOINT,
      ])
      return row?.next_height
    },
    applyBlock: (fence, { nextHeight, windows, atMs }) =>
      fencedWork(fence, async (session) => {
        await session.query(
          `INSERT INTO da.checkpoints AS c (name, next_height) VALUES ($1, $2)
           ON CONFLICT (name) DO UPDATE SET next_height = excluded.next_height`,
          [CHECKPOINT, nextHeight],
        )
        if (windows.length === 0) return []
        const rows = await session.query<{ id: string; hash: Uint8Array }>(
          `SELECT w.id, given.hash FROM da.windows w
           JOIN unnest($1::bytea[], $2::int8[], $3::int8[], $4::bytea[]) AS given(root, epoch, committee, hash)
             ON w.root = given.root AND w.epoch = given.epoch AND w.committee = given.committee
           WHERE NOT w.final`,
          [
            windows.map((window) => window.root),
            windows.map((window) => window.epoch),
            windows.map((window) => window.committee),
            windows.map((window) => window.transactionHash),
          ],
        )
        return markFinal(session, rows, atMs)
      }),
    finalizeWindow: (fence, { windowId, transactionHash, atMs }) =>
      fencedWork(fence, (session) => markFinal(session, [{ id: windowId, hash: transactionHash }], atMs)),
  }
}

async function markFinal(
  session: SqlSession,
  windows: readonly { readonly id: string; readonly hash: Uint8Array }[],
  atMs: number,
): Promise<readonly FinalBundle[]> {
  const rows = await session.query<{ id: string; owner: number; certified_at_ms: bigint }>(
    `WITH done AS (
       UPDATE da.windows w SET final = true FROM unnest($1::text[], $2::bytea[]) AS given(id, hash)
       WHERE w.id = given.id AND NOT w.final RETURNING w.id, given.hash, w.certified_at_ms
     )
     UPDATE da.bundles u SET finalized_at_ms = $3, transaction_hash = done.hash FROM done
     WHERE u.window_id = done.id RETURNING u.id, u.owner, done.certified_at_ms`,
    [windows.map(({ id }) => id), windows.map(({ hash }) => hash), atMs],
  )
  return rows.map((row) => ({ id: row.id, owner: row.owner, certifiedAtMs: Number(row.certified_at_ms) }))
}

async function toWindows(session: SqlSession, rows: readonly WindowRow[]): Promise<readonly WindowRecord[]> {
  const statements = await statementsOf(
    session,
    rows.map(({ id }) => id),
  )
  return rows.map(({ id, certificate, attempts, transaction_hash: hash }) => ({
    id,
    certificate,
    attempts,
    statements: statements.get(id) ?? [],
    transactionHash: hash ?? undefined,
  }))
}

/** By window, in the order of the window. */
async function statementsOf(session: SqlSession, windowIds: readonly string[]): Promise<Map<string, Statement[]>> {
  const found = new Map<string, Statement[]>()
  if (windowIds.length === 0) return found
  const rows = await session.query<StatementRow & { window_id: string }>(
    `SELECT window_id, ${STATEMENT} FROM da.bundles WHERE window_id = ANY($1::text[]) ORDER BY window_id, window_index`,
    [windowIds],
    PREPARED,
  )
  for (const row of rows) {
    const statement = toStatement(row)
    if (statement === undefined) continue
    found.set(row.window_id, [...(found.get(row.window_id) ?? []), statement])
  }
  return found
}
