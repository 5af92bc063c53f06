import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from '@jest/globals'
import { type EmbeddedPostgres, postgresSql, startEmbeddedPostgres } from '@zerog/adapters'
import type { Sql } from '@zerog/ports'
import { memoryRepository } from '../src/adapters/sql/memory-repository.ts'
import { sqlRepository } from '../src/adapters/sql/repository.ts'
import { repositorySuite } from './repository-suite.ts'

repositorySuite('memory', async () => memoryRepository())

describe('on PostgreSQL', () => {
  let folder: string
  let server: EmbeddedPostgres
  let sql: Sql
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zerog-storage-sql-'))
    server = await startEmbeddedPostgres({ dataDir: join(folder, 'data') })
    sql = postgresSql({ url: server.url })
  }, 300_000)
  afterAll(async () => {
    await sql?.close()
    await server?.stop()
    await rm(folder, { recursive: true, force: true })
  })
  repositorySuite('PostgreSQL', async () => {
    await sql.query('DROP SCHEMA IF EXISTS storage CASCADE')
    return sqlRepository(sql)
  })
})
