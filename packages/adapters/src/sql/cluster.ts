import { createHash, randomInt } from 'node:crypto'
import type { Clock, Logger, Sql, SqlSession, SqlValue } from '@zerog/ports'
import { assert, ZerogError } from '@zerog/primitives'
import pg from 'pg'
import { systemClock } from '../clock/system.ts'
import { SQL_CONNECTIONS_MAX, SQL_PREPARED_MAX, SQL_RETRIES_MAX, SQL_STATEMENT_MS } from '../limits.ts'
import { isRetriable, placeOf, sqlError } from './errors.ts'
import { migrate } from './migrate.ts'
import { sqlTypes } from './types.ts'

export type PostgresOptions = {
  /** postgresql://user:password@host:port/database; TLS by sslmode as in libpq. */
  readonly url: string
  /** Default 10. */
  readonly connectionsMax?: number
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string
  /** How long a statement may take before the server and, if that hangs, the client gives up. Default 30,000. */
  readonly statementTimeoutMs?: number
  /** Off: a commit may be lost in a crash, never torn. For work that is repeated anyway. */
  readonly synchronousCommit?: boolean
  readonly clock?: Clock
  readonly logger?: Logger
}

/** Sql on a pool of connections to any PostgreSQL of version 13 or later. Connects when it is first used. */
export function postgresSql(options: PostgresOptions): Sql {
  const { clock = systemClock } = options
  const where = placeOf(options.url)
  const pool = createPool(options)
  const queryOf = (runner: pg.Pool | pg.PoolClient): SqlSession['query'] => {
    return async <Row extends Record<string, unknown>>(
      text: string,
      values: readonly SqlValue[] = [],
      { prepared = false }: { readonly prepared?: boolean } = {},
    ) => {
      try {
        const statement = { text, values: [...values] }
        const { rows } = await runner.query<Row>(prepared ? { ...statement, name: nameOf(text) } : statement)
        // Several statements in one text (a migration) give several results, and no rows to anybody.
        return rows ?? []
      } catch (error) {
        throw isRetriable(error) ? error : sqlError(error, where)
      }
    }
  }

  async function attempt<T>(work: (session: SqlSession) => Promise<T>, isolation: string): Promise<T> {
    const client = await pool.connect().catch((error: unknown) => {
      throw sqlError(error, where)
    })
    const query = queryOf(client)
    let broken = false
    const noteBroken = () => {
      broken = true
    }
    client.on('error', noteBroken)
    try {
      await query(`BEGIN ISOLATION LEVEL ${isolation.toUpperCase()}`)
      const result = await work({ query })
      await query('COMMIT')
      return result
    } catch (error) {
      await query('ROLLBACK').catch(noteBroken)
      throw error
    } finally {
      client.removeListener('error', noteBroken)
      // A connection in an unknown state is not given to anybody else.
      client.release(broken)
    }
  }

  const sql: Sql = {
    query: queryOf(pool),
    async transaction(work, { isolation = 'read committed' } = {}) {
      for (let retry = 0; ; retry++) {
        try {
          return await attempt(work, isolation)
        } catch (error) {
          if (!isRetriable(error)) throw error
          if (retry === SQL_RETRIES_MAX) {
            throw new ZerogError('DEPENDENCY_UNAVAILABLE', {
              message: `a transaction at ${where} met others ${retry + 1} times; try again`,
              retryAfterMs: 1000,
              cause: error,
            })
          }
          await clock.sleep(randomInt(5, 20 * 2 ** retry))
        }
      }
    },
    migrate: (request) => migrate(sql, request),
    async ping() {
      await sql.query('SELECT 1')
    },
    async close() {
      await pool.end()
    },
  }
  return sql
}

/** Names of prepared statements, the same in every connection: the server knows a statement by its name alone. */
const names = new Map<string, string>()
function nameOf(text: string): string {
  const known = names.get(text)
  if (known !== undefined) return known
  assert(names.size < SQL_PREPARED_MAX, 'only constant texts are prepared')
  const name = `zerog_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`
  names.set(text, name)
  return name
}

/** A pool with our types, time limits and an ear for connections that break while idle. */
export function createPool(options: PostgresOptions): pg.Pool {
  const { statementTimeoutMs = SQL_STATEMENT_MS, logger } = options
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.connectionsMax ?? SQL_CONNECTIONS_MAX,
    application_name: options.applicationName ?? 'zerog',
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 2_000,
    idle_in_transaction_session_timeout: 60_000,
    types: sqlTypes,
    ...(options.synchronousCommit === false ? { options: '-c synchronous_commit=off' } : {}),
  })
  // Without a listener the loss of an idle connection would end the process; the pool replaces it by itself.
  pool.on('error', (error) => logger?.warn('sql_connection_lost', { error: String(error) }))
  return pool
}
