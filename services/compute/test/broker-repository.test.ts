import { expect, test } from '@jest/globals'
import { describeOnPostgres } from '@zerog/adapters/sql/test-database'
import { memoryBrokerRepository } from '../src/adapters/sql/broker-memory-repository.ts'
import { sqlBrokerRepository } from '../src/adapters/sql/broker-repository.ts'
import { brokerRepositorySuite } from './broker-repository-suite.ts'
import { address, PROVIDER, receiptRecord } from './support/receipts.ts'

brokerRepositorySuite('memory', async () => memoryBrokerRepository())

describeOnPostgres('compute_broker', (empty) => {
  brokerRepositorySuite('PostgreSQL', async () => sqlBrokerRepository(await empty(), PROVIDER))

  test('providers share the tables and see nothing of each other', async () => {
    const sql = await empty()
    const ours = await sqlBrokerRepository(sql, PROVIDER)
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
    const repository = await sqlBrokerRepository(await empty(), PROVIDER)
    const records = Array.from({ length: 200 }, () => receiptRecord({ fee: 3n }))
    await Promise.all(
      records.map((record) =>
        repository.changeReceipts({ checkpoints: [], finals: [record], acknowledged: [record.id], cut: [] }),
      ),
    )
    expect(await repository.unsettled(records[0]?.receipt.user as `0x${string}`)).toBe(600n)
  })
})
