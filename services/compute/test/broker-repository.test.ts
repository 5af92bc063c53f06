import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type EmbeddedPostgres, postgresSql, startEmbeddedPostgres } from '@zerog/adapters'
import type { Sql } from '@zerog/ports'
import { memoryBrokerRepository } from '../src/adapters/sql/broker-memory-repository.ts'
import { sqlBrokerRepository } from '../src/adapters/sql/broker-repository.ts'
import { brokerRepositorySuite } from './broker-repository-suite.ts'
import { address, PROVIDER, receiptRecord } from './support/receipts.ts'

brokerRepositorySuite('memory', async () => memoryBrokerRepository())

describe('on PostgreSQL', () => {
  let folder: string
  let server: EmbeddedPostgres
  let sql: Sql
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zerog-compute-sql-'))
    server = await startEmbeddedPostgres({ dataDir: join(folder, 'data') })
    sql = postgresSql({ url: server.url })
  }, 300_000)
  afterAll(async () => {
    await sql?.close()
    await server?.stop()
    await rm(folder, { recursive: true, force: true })
  })
  const empty = async () => {
    await sql.query('DROP SCHEMA IF EXISTS compute_broker CASCADE')
    return sqlBrokerRepository(sql, PROVIDER)
  }
  brokerRepositorySuite('PostgreSQL', empty)

  test('providers share the tables and see nothing of each other', async () => {
    const ours = await empty()
    const theirs = await sqlBrokerRepository(sql, address(0xc0))
    const record = receiptRecord({ fee: 9n })
    await ours.changeReceipts({ checkpoints: [], finals: [record], acknowledged: [record.id], cut: [] })
    await ours.recordHeight(3n)
    expect(await theirs.unsettled(record.receipt.user)).toBe(0n)
    expect(await theirs.billableUsers(10)).toEqual([])
    expect(await theirs.receipt(record.id)).toBeUndefined()
    expect(await theirs.height()).toBeUndefined()
    expect(await theirs.totals()).toEqual({ billable: 0n, inBatches: 0n, paid: 0n, carried: 0n })
    expect(await ours.totals()).toEqual({ billable: 9n, inBatches: 0n, paid: 0n, carried: 0n })
  })

  test('answers that end at once are each written once', async () => {
    const repository = await empty()
    const records = Array.from({ length: 200 }, () => receiptRecord({ fee: 3n }))
    await Promise.all(
      records.map((record) =>
        repository.changeReceipts({ checkpoints: [], finals: [record], acknowledged: [record.id], cut: [] }),
      ),
    )
    expect(await repository.unsettled(records[0]?.receipt.user as `0x${string}`)).toBe(600n)
  })
})
