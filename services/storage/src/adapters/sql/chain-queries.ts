import type { Sql, SqlSession } from '@zerog/ports'
import type { Hex } from '@zerog/primitives'
import type { Checkpoint, StorageRepository, StoredSubmission } from '../../app/repository.ts'
import { packNodes } from '../../core/submission.ts'
import { type SubmissionRow, toSubmission } from './rows.ts'

type Methods = 'checkpoint' | 'applyBlock' | 'submission' | 'submissionsOf' | 'submissionsFrom' | 'submissionAt' | 'nextTxSeq'

const CHECKPOINT = 'flow'
const COLUMNS = 'tx_seq, root, size_bytes, start_entry, nodes, tags, submitter, transaction_hash, transaction_from, height'

/** What the flow contract said, and how far we listened. */
export function chainQueries(sql: Sql): Pick<StorageRepository, Methods> {
  const select = async (condition: string, values: readonly (number | Uint8Array)[]) => {
    const rows = await sql.query<SubmissionRow>(`SELECT ${COLUMNS} FROM storage.submissions ${condition}`, values)
    return rows.map(toSubmission)
  }
  return {
    async checkpoint() {
      const rows = await sql.query<{ height: bigint; hash: Hex }>(
        'SELECT height, hash FROM storage.checkpoints WHERE name = $1',
        [CHECKPOINT],
      )
      return rows[0]
    },
    applyBlock: ({ from, to, submissions }) =>
      sql.transaction(async (session) => {
        if (!(await moveCheckpoint(session, { from, to }))) return 'stale'
        for (const submission of submissions) await insertSubmission(session, submission)
        return 'applied'
      }),
    submission: async (txSeq) => (await select('WHERE tx_seq = $1', [txSeq]))[0],
    submissionsOf: (root, limit) => select('WHERE root = $1 ORDER BY tx_seq LIMIT $2', [root, limit]),
    submissionsFrom: (txSeq, limit) => select('WHERE tx_seq >= $1 ORDER BY tx_seq LIMIT $2', [txSeq, limit]),
    submissionAt: async (entry) =>
      (await select('WHERE start_entry <= $1 ORDER BY start_entry DESC, tx_seq DESC LIMIT 1', [entry]))[0],
    async nextTxSeq() {
      const rows = await sql.query<{ next: bigint }>('SELECT coalesce(max(tx_seq) + 1, 0)::int8 AS next FROM storage.submissions')
      return Number(rows[0]?.next ?? 0n)
    },
  }
}

async function moveCheckpoint(
  session: SqlSession,
  { from, to }: { from: Checkpoint | undefined; to: Checkpoint },
): Promise<boolean> {
  const moved =
    from === undefined
      ? await session.query(
          'INSERT INTO storage.checkpoints (name, height, hash) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING name',
          [CHECKPOINT, to.height, to.hash],
        )
      : await session.query(
          'UPDATE storage.checkpoints SET height = $2, hash = $3 WHERE name = $1 AND height = $4 AND hash = $5 RETURNING name',
          [CHECKPOINT, to.height, to.hash, from.height, from.hash],
        )
  return moved.length === 1
}

async function insertSubmission(session: SqlSession, submission: StoredSubmission): Promise<void> {
  const inserted = await session.query(
    `INSERT INTO storage.submissions (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     ON CONFLICT (tx_seq) DO NOTHING RETURNING tx_seq`,
    [
      submission.txSeq,
      submission.root,
      submission.sizeBytes,
      submission.startEntry,
      packNodes(submission.nodes),
      submission.tags,
      submission.submitter,
      submission.transactionHash,
      submission.transactionFrom,
      submission.height,
    ],
  )
  if (inserted.length === 0) return
  await session.query(
    `INSERT INTO storage.files (root, size_bytes) VALUES ($1, $2)
     ON CONFLICT (root, size_bytes) DO UPDATE SET expires_at_ms = NULL`,
    [submission.root, submission.sizeBytes],
  )
}
