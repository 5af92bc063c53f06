import { hash } from 'node:crypto'
import type { Migration, Sql } from '@zerog/ports'
import { assert, ZerogError } from '@zerog/primitives'

const SCHEMA_PATTERN = /^[a-z][a-z0-9_]{0,62}$/

/**
 * All missing migrations of a schema in one transaction, so a failure leaves the schema as it was. An advisory lock makes
 * several starting replicas wait for each other. Inside a migration the schema is first on the search path.
 */
export async function migrate(sql: Sql, { schema, migrations }: Parameters<Sql['migrate']>[0]): Promise<void> {
  assert(SCHEMA_PATTERN.test(schema), `"${schema}" is no schema name`)
  for (const [index, { number }] of migrations.entries())
    assert(number === index + 1, `migration ${number} of ${schema} is out of order`)
  await sql.transaction(async (session) => {
    await session.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [LOCK_SPACE, schema])
    // A large migration may take longer than a request.
    await session.query('SET LOCAL statement_timeout = 0')
    await session.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`)
    await session.query(`CREATE TABLE IF NOT EXISTS ${schema}.migration (
      number int PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`)
    const rows = await session.query<{ number: number; checksum: string }>(
      `SELECT number, checksum FROM ${schema}.migration ORDER BY number`,
    )
    if (rows.length > migrations.length) {
      throw refuse(schema, `it was written by a newer zerog (migration ${rows.length}); run that version or a later one`)
    }
    for (const [index, row] of rows.entries()) {
      const migration = migrations[index] as Migration
      if (row.number !== migration.number || row.checksum !== checksumOf(migration)) {
        throw refuse(
          schema,
          `migration ${migration.number} (${migration.name}) differs from the one that was applied; never change a released one`,
        )
      }
    }
    await session.query(`SET LOCAL search_path = ${schema}`)
    for (const migration of migrations.slice(rows.length)) {
      await session.query(migration.sql)
      await session.query(`INSERT INTO ${schema}.migration (number, name, checksum) VALUES ($1, $2, $3)`, [
        migration.number,
        migration.name,
        checksumOf(migration),
      ])
    }
  })
}

/** Any number that no other user of advisory locks in the database takes: "zero" in ASCII. */
const LOCK_SPACE = 0x7a65_726f

function checksumOf({ name, sql }: Migration): string {
  return hash('sha256', `${name}\n${sql}`)
}

function refuse(schema: string, problem: string): ZerogError {
  return new ZerogError('WRONG_STATE', { message: `schema ${schema} cannot be migrated: ${problem}`, metadata: { schema } })
}
