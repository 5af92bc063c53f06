import type { Clock, Lease, Leases, Migration, Sql } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'

const MIGRATIONS: readonly Migration[] = [
  {
    number: 1,
    name: 'leases',
    sql: `CREATE TABLE lease (
      name text PRIMARY KEY,
      holder text NOT NULL,
      -- Grows with every holder; the row stays after a release so that it never starts again.
      token bigint NOT NULL,
      expires_at timestamptz NOT NULL
    )`,
  },
]

export type PostgresLeasesOptions = {
  readonly sql: Sql
  readonly clock: Clock
  /** Once aborted, nothing is renewed any more and others get the lease after its ttl. */
  readonly signal?: AbortSignal
}

/**
 * Leases in PostgreSQL. The server's clock decides; a holder counts its ttl from before it asked, so it always stops before
 * the server gives the lease away, also when the server hangs and answers nothing.
 */
export function postgresLeases({ sql, clock, signal }: PostgresLeasesOptions): Leases {
  let migrated: Promise<void> | undefined
  const ready = () => {
    migrated ??= sql.migrate({ schema: 'zerog_lease', migrations: MIGRATIONS }).catch((error: unknown) => {
      migrated = undefined
      throw error
    })
    return migrated
  }

  return {
    async tryAcquire({ name, holder, ttlMs }) {
      await ready()
      const askedMs = clock.monotonicMs()
      const [row] = await sql.query<{ token: bigint }>(
        `INSERT INTO zerog_lease.lease AS held (name, holder, token, expires_at)
         VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond')
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, token = held.token + 1, expires_at = excluded.expires_at
         WHERE held.expires_at <= clock_timestamp()
         RETURNING token`,
        [name, holder, ttlMs],
      )
      return row === undefined ? undefined : hold({ sql, clock, signal }, { name, token: row.token, ttlMs, askedMs })
    },
  }
}

type Held = { readonly name: string; readonly token: bigint; readonly ttlMs: number; readonly askedMs: number }

function hold(
  { sql, clock, signal }: { readonly sql: Sql; readonly clock: Clock; readonly signal: AbortSignal | undefined },
  { name, token, ttlMs, askedMs }: Held,
): Lease {
  const lost = new AbortController()
  const lose = (why: string) => {
    cancelRenewal()
    cancelDeadline()
    if (lost.signal.aborted) return
    lost.abort(new ZerogError('FENCED', { message: `lease ${name} with token ${token} is lost: ${why}`, metadata: { name } }))
  }
  const deadline = (fromMs: number) =>
    clock.after(Math.max(0, fromMs + ttlMs - clock.monotonicMs()), () => lose('it could not be renewed in time'))

  let cancelDeadline = deadline(askedMs)
  let cancelRenewal = clock.after(ttlMs / 3, renew)

  async function renew() {
    if (signal?.aborted || lost.signal.aborted) return
    const startMs = clock.monotonicMs()
    // The next attempt does not wait for this one: a hanging query must not eat the others' time.
    cancelRenewal = clock.after(ttlMs / 3, renew)
    try {
      const rows = await sql.query(
        `UPDATE zerog_lease.lease SET expires_at = clock_timestamp() + $3 * interval '1 millisecond'
         WHERE name = $1 AND token = $2 AND expires_at > clock_timestamp() RETURNING 1`,
        [name, token, ttlMs],
      )
      if (lost.signal.aborted) return
      if (rows.length === 0) return lose('somebody else has it')
      cancelDeadline()
      cancelDeadline = deadline(startMs)
    } catch {
      // The deadline decides.
    }
  }

  return {
    name,
    token,
    lost: lost.signal,
    async release() {
      const held = !lost.signal.aborted
      lose('it was released')
      if (held) {
        await sql.query('UPDATE zerog_lease.lease SET expires_at = clock_timestamp() WHERE name = $1 AND token = $2', [
          name,
          token,
        ])
      }
    },
  }
}
