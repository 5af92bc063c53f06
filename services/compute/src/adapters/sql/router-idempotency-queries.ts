import type { Sql } from '@zerog/ports'
import { fromHex, toHex } from '@zerog/primitives'
import type { IdempotencyClaim, RouterRepository } from '../../app/router/ports.ts'

type Methods = 'claimIdempotency' | 'dropIdempotency' | 'cleanIdempotency'
type Row = { fingerprint: Uint8Array; status: number | null; headers: string | null; body: Uint8Array | null }

export function idempotencyQueries(sql: Sql): Pick<RouterRepository, Methods> {
  return {
    async claimIdempotency({ keyId, idempotencyKey, fingerprint, holder, nowMs, expiresAtMs }): Promise<IdempotencyClaim> {
      const claimed = await sql.query(
        `INSERT INTO compute_router.answers AS kept (key_id, idempotency_key, fingerprint, holder, expires_at_ms)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (key_id, idempotency_key) DO UPDATE
         SET fingerprint = excluded.fingerprint, holder = excluded.holder, expires_at_ms = excluded.expires_at_ms,
             status = NULL, headers = NULL, body = NULL
         WHERE kept.expires_at_ms <= $6 RETURNING key_id`,
        [keyId, idempotencyKey, fromHex(fingerprint, 32), holder, expiresAtMs, nowMs],
      )
      if (claimed.length === 1) return { kind: 'new' }
      const rows = await sql.query<Row>(
        'SELECT fingerprint, status, headers, body FROM compute_router.answers WHERE key_id = $1 AND idempotency_key = $2',
        [keyId, idempotencyKey],
      )
      const row = rows[0]
      // Dropped in between: the caller asks again.
      if (row === undefined) return { kind: 'running' }
      if (toHex(row.fingerprint) !== fingerprint) return { kind: 'other_request' }
      if (row.status === null || row.body === null) return { kind: 'running' }
      // `as`: written by ourselves.
      const headers = JSON.parse(row.headers ?? '{}') as Record<string, string>
      return { kind: 'stored', answer: { status: row.status, headers, body: row.body } }
    },
    async dropIdempotency(keyId, idempotencyKey) {
      await sql.query('DELETE FROM compute_router.answers WHERE key_id = $1 AND idempotency_key = $2 AND status IS NULL', [
        keyId,
        idempotencyKey,
      ])
    },
    async cleanIdempotency({ holder, nowMs }) {
      await sql.query('DELETE FROM compute_router.answers WHERE expires_at_ms <= $1 OR (status IS NULL AND holder = $2)', [
        nowMs,
        holder ?? null,
      ])
    },
  }
}
