import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from '@jest/globals'
import { type EmbeddedPostgres, postgresSql, startEmbeddedPostgres } from '@zerog/adapters'
import type { Sql } from '@zerog/ports'
import { memoryDisperserRepository } from '../src/adapters/sql/memory-repository.ts'
import { sqlDisperserRepository } from '../src/adapters/sql/repository.ts'
import { repositorySuite } from './repository-suite.ts'

repositorySuite('memory', async () => memoryDisperserRepository())

describe('on PostgreSQL', () => {
  let folder: string
  let server: EmbeddedPostgres
  let sql: Sql
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zerog-da-sql-'))
    server = await startEmbeddedPostgres({ dataDir: join(folder, 'data') })
    sql = postgresSql({ url: server.url })
  }, 300_000)
  afterAll(async () => {
    await sql?.close()
    await server?.stop()
    await rm(folder, { recursive: true, force: true })
  })
  repositorySuite('PostgreSQL', async () => {
    await sql.query('DROP SCHEMA IF EXISTS da CASCADE')
    return sqlDisperserRepository(sql)
  })
})
