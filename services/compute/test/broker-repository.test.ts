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
    await ours.appendReceipts([record])
    expect(await theirs.receipt(record.id)).toBeUndefined()
    await ours.changeReceipts({ acknowledged: [record.id], cut: [] })
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
      records.map(async (record) => {
        await repository.appendReceipts([record])
        expect((await repository.changeReceipts({ acknowledged: [record.id], cut: [] })).acknowledged.size).toBe(1)
      }),
    )
    expect(await repository.unsettled(records[0]?.receipt.user as `0x${string}`)).toBe(600n)
  })

  test('text that the database cannot keep is refused before it is in the way of others', async () => {
    const repository = await sqlBrokerRepository(await empty(), PROVIDER)
    for (const model of ['a\0b', 'a\ud800b']) {
      await expect(repository.appendReceipts([{ ...receiptRecord(), model }])).rejects.toMatchObject({
        reason: 'INVALID_ARGUMENT',
      })
    }
    const record = receiptRecord()
    await repository.appendReceipts([record])
    expect((await repository.receipt(record.id))?.state).toBe('pending')
  })

  test('brokers of one provider see at once what the other was told', async () => {
    const sql = await empty()
    const one = await sqlBrokerRepository(sql, PROVIDER)
    const other = await sqlBrokerRepository(sql, PROVIDER)
    const records = Array.from({ length: 60 }, (_, index) => receiptRecord({ fee: BigInt(index) }))
    const user = records[0]?.receipt.user as `0x${string}`
    let owed = 0n
    await Promise.all(
      records.map(async (record, index) => {
        await (index % 2 === 0 ? one : other).appendReceipts([record])
        owed += record.receipt.fee
        expect((await (index % 2 === 0 ? other : one).receipt(record.id))?.receiptHash).toBe(record.receiptHash)
        await (index % 3 === 0 ? other : one).changeReceipts({ acknowledged: [record.id], cut: [] })
      }),
    )
    expect(await one.unsettled(user)).toBe(owed)
    expect((await other.billable(user, 100)).length).toBe(60)
    expect(await sql.query('SELECT * FROM compute_broker.receipt_journal')).toEqual([])
  })
})
