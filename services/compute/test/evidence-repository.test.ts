import { describe, expect, test } from '@jest/globals'
import { describeOnPostgres } from '@zerog/adapters/sql/test-database'
import type { Hex } from '@zerog/primitives'
import { sqlBrokerRepository } from '../src/adapters/sql/broker-repository.ts'
import { sqlEvidenceRepository } from '../src/adapters/sql/evidence-repository.ts'
import { sqlLineageRepository } from '../src/adapters/sql/lineage-repository.ts'
import { type Publication, writePublication } from '../src/app/broker/settlement.ts'
import { address, PROVIDER, receiptRecord, word } from './support/receipts.ts'

const OTHER = address(0xc0)

describeOnPostgres('compute_broker', (empty) => {
  /** One batch, settled and published unless told otherwise, of the receipts given. */
  async function books(
    of: {
      readonly published?: boolean
      readonly settled?: boolean
      readonly models?: readonly Hex[]
      readonly publication?: Publication
    } = {},
  ) {
    const sql = await empty()
    await sql.query('DROP SCHEMA IF EXISTS compute_evidence CASCADE')
    const [broker, evidence] = [await sqlBrokerRepository(sql, PROVIDER), await sqlEvidenceRepository(sql, PROVIDER)]
    const records = [word(3), word(3), word(4), ...(of.models ?? [])].map((modelRoot, index) => {
      const record = receiptRecord({ user: address(index === 1 ? 0xa2 : 0xa1), fee: 0n })
      return { ...record, receipt: { ...record.receipt, modelRoot } }
    })
    await broker.appendReceipts(records)
    await broker.changeReceipts({ acknowledged: records.map(({ id }) => id), cut: [] })
    const users = [address(0xa1), address(0xa2)].map((user) => {
      const receiptIds = records.filter(({ receipt }) => receipt.user === user).map(({ id }) => id)
      return {
        user,
        requestsHash: word(9),
        root: word(8),
        sum: 0n,
        receiptCount: receiptIds.length,
        carry: undefined,
        nonce: 0n,
        receiptIds,
      }
    })
    const { batchId } = await broker.createBatch({ root: word(7), blob: new Uint8Array(3), createdAtMs: 5000, users }, 1n)
    if (of.published !== false)
      await broker.recordPublication(batchId, of.publication === undefined ? '{}' : writePublication(of.publication), 1n)
    if (of.settled !== false) await broker.beginSettling(batchId)
    return { sql, broker, evidence, batchId, records }
  }

  test('names settled and published batches of the provider until something is kept of them', async () => {
    const { sql, evidence, batchId } = await books()
    expect(await evidence.missing(5000, 10)).toEqual([batchId])
    expect(await evidence.missing(5001, 10)).toEqual([])
    expect(await evidence.missing(0, 0)).toEqual([])
    const theirs = await sqlEvidenceRepository(sql, OTHER)
    expect(await theirs.missing(0, 10)).toEqual([])
    await evidence.keep(batchId, { height: 12n, material: Uint8Array.of(1, 2) }, 6000)
    expect(await evidence.missing(0, 10)).toEqual([])
    expect(await theirs.kept(batchId)).toBeUndefined()
  })

  test.each([{ published: false }, { settled: false }])('names no batch that is %j', async (of) => {
    const { evidence } = await books(of)
    expect(await evidence.missing(0, 10)).toEqual([])
  })

  test('keeps what came first, material or refusal', async () => {
    const { evidence, batchId } = await books()
    await evidence.keep(batchId, { height: 12n, material: Uint8Array.of(1, 2) }, 6000)
    await evidence.keep(batchId, { height: 13n, refused: 'later' }, 7000)
    expect(await evidence.kept(batchId)).toEqual({ height: 12n, material: Uint8Array.of(1, 2) })
    const second = await books()
    await second.evidence.keep(second.batchId, { height: 0n, refused: 'batch: no' }, 1)
    expect(await second.evidence.kept(second.batchId)).toEqual({ height: 0n, refused: 'batch: no' })
  })

  test('takes one receipt for each user and model as a sample, the first of each', async () => {
    const { evidence, batchId, records } = await books({ models: [word(3), word(0)] })
    const samples = await evidence.samples(batchId)
    const expected = [records[4], records[0], records[2], records[1]].map((record) => record?.id)
    expect(samples.map(({ id }) => id)).toEqual(expected)
    expect(await evidence.samples(batchId + 1n)).toEqual([])
  })

  test('forgets what is older, no more than it is told at once', async () => {
    const { evidence, batchId } = await books()
    await evidence.keep(batchId, { height: 12n, material: Uint8Array.of(1) }, 6000)
    expect(await evidence.prune(6000, 10)).toBe(0)
    expect(await evidence.prune(6001, 0)).toBe(0)
    expect(await evidence.prune(6001, 10)).toBe(1)
    expect(await evidence.kept(batchId)).toBeUndefined()
  })

  describe('lineage', () => {
    test('of an answer, a batch, a blob and a model: the user sees his own', async () => {
      const { sql, batchId, records, broker } = await books({ publication: { dataRoot: word(0xda), epoch: 2n, quorumId: 5n } })
      const lineage = sqlLineageRepository(sql, PROVIDER)
      const [first, others, third] = records.map(({ id }) => id)
      const idsOf = async (user: Hex, name: string) => (await lineage.find(user, name)).answers.map(({ id }) => id).sort()
      const mine = [first, third].sort()
      expect(await idsOf(address(0xa1), first as string)).toEqual([first])
      expect(await idsOf(address(0xa1), others as string)).toEqual([])
      expect(await idsOf(address(0xa1), word(7))).toEqual(mine)
      expect(await idsOf(address(0xa1), word(0xda).toUpperCase().replace('0X', '0x'))).toEqual(mine)
      expect(await idsOf(address(0xa1), word(4))).toEqual([third])
      expect(await idsOf(address(0xa2), word(3))).toEqual([others])
      expect(await idsOf(address(0xa3), word(7))).toEqual([])
      expect(await sqlLineageRepository(sql, OTHER).find(address(0xa1), word(7))).toEqual({ answers: [], batches: [] })
      expect((await lineage.find(address(0xa1), word(4))).batches).toEqual([
        {
          root: word(7),
          state: 'settled',
          publication: { dataRoot: word(0xda), epoch: 2n, quorumId: 5n },
          anchorTransaction: undefined,
          settlementTransaction: undefined,
        },
      ])
      expect((await broker.batch(batchId))?.root).toBe(word(7))
    })

    test('of an answer that is in no batch yet is the answer alone', async () => {
      const sql = await empty()
      const broker = await sqlBrokerRepository(sql, PROVIDER)
      const record = receiptRecord()
      await broker.appendReceipts([record])
      await broker.changeReceipts({ acknowledged: [record.id], cut: [] })
      const { answers, batches } = await sqlLineageRepository(sql, PROVIDER).find(record.receipt.user, record.id)
      expect([answers[0]?.id, answers[0]?.batchRoot, batches]).toEqual([record.id, undefined, []])
    })
  })
})
