import { afterAll, beforeAll, describe } from '@jest/globals'
import type { Sql } from '@zerog/ports'
import { temporaryFolder } from '../testing.ts'
import { postgresSql } from './cluster.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded.ts'

/**
 * Runs `tests` against a PostgreSQL server of their own, which starts before them and goes with its data afterwards. `empty` gives its
 * connection with the service's schema dropped: what a service finds at its first start.
 */
export function describeOnPostgres(schema: string, tests: (empty: () => Promise<Sql>) => void): void {
  describe('on PostgreSQL', () => {
    const folder = temporaryFolder(`${schema}-sql`)
    let server: EmbeddedPostgres | undefined
    let sql: Sql
    beforeAll(async () => {
      server = await startEmbeddedPostgres({ dataDir: folder.path })
      sql = postgresSql({ url: server.url })
    }, 300_000)
    afterAll(async () => {
      await sql?.close()
      await server?.stop()
      folder.remove()
    })
    tests(async () => {
      await sql.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
      return sql
    })
  })
}
