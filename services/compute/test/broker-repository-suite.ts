import { describe, expect, test } from '@jest/globals'
import type { Hex } from '@zerog/primitives'
import type { BrokerRepository, NewBatch, ReceiptChanges } from '../src/app/broker/repository.ts'
import { address, receiptRecord, word } from './support/receipts.ts'

const ALICE = address(0xa1)
const BOB = address(0xb2)
const none: ReceiptChanges = { acknowledged: [], cut: [] }

/** Takes the billable receipts and the carry of these users into a batch. */
async function batchOf(repository: BrokerRepository, users: readonly Hex[], token = 1n, createdAtMs = 5000) {
  const taken: NewBatch['users'][number][] = []
  for (const user of users) {
    const receipts = await repository.billable(user, 100)
    const carry = await repository.carry(user)
    const sum = receipts.reduce((total, { fee }) => total + fee, 0n) + (carry?.amount ?? 0n)
    taken.push({
      user,
      requestsHash: word(Number(BigInt(user) % 1000n) + 1),
      root: word(9),
      sum,
      receiptCount: receipts.length,
      carry: carry && { requestsHash: carry.requestsHash, amount: carry.amount },
      nonce: sum === 0n ? 0n : 7n,
      receiptIds: receipts.map(({ id }) => id),
    })
  }
  return repository.createBatch({ root: word(createdAtMs), blob: new Uint8Array([1, 2, 3]), createdAtMs, users: taken }, token)
}

/** What every broker repository promises. `open` gives an empty one. */
export function brokerRepositorySuite(name: string, open: () => Promise<BrokerRepository>): void {
  describe(`${name} repository`, () => {
    test('gives back what was stored, by id', async () => {
      const repository = await open()
      const record = receiptRecord({ fee: 2n ** 100n })
      await repository.appendReceipts([record])
      expect(await repository.receipt(record.id)).toEqual({ ...record, state: 'pending', batch: undefined })
      expect(await repository.receipt('chatcmpl-unknown')).toBeUndefined()
      expect(await repository.unsettled(ALICE)).toBe(2n ** 100n)
      expect(await repository.unsettled(BOB)).toBe(0n)
    })

    test('a final receipt counts once it is acknowledged, and only once', async () => {
      const repository = await open()
      const record = receiptRecord()
      await repository.appendReceipts([record])
      expect(await repository.billable(ALICE, 10)).toEqual([])
      const first = await repository.changeReceipts({ ...none, acknowledged: [record.id, 'chatcmpl-unknown'] })
      expect([...first.acknowledged]).toEqual([record.id])
      expect((await repository.changeReceipts({ ...none, acknowledged: [record.id] })).acknowledged.size).toBe(0)
      expect((await repository.billable(ALICE, 10)).map(({ id }) => id)).toEqual([record.id])
      // A repeated write of the same answer changes nothing.
      await repository.appendReceipts([{ ...record, salt: word(1) }])
      expect((await repository.receipt(record.id))?.state).toBe('billable')
      expect((await repository.receipt(record.id))?.salt).toBe(record.salt)
    })

    test('acknowledges what has just arrived', async () => {
      const repository = await open()
      const record = receiptRecord()
      await repository.appendReceipts([record])
      const outcome = await repository.changeReceipts({ ...none, acknowledged: [record.id] })
      expect(outcome.acknowledged.has(record.id)).toBe(true)
      expect((await repository.receipt(record.id))?.state).toBe('billable')
    })

    test('a later checkpoint replaces the earlier one, and the acknowledged answer replaces both', async () => {
      const repository = await open()
      const at = (fee: bigint) => receiptRecord({ id: 'chatcmpl-s', kind: 'checkpoint', fee })
      await repository.appendReceipts([at(3n)])
      await repository.appendReceipts([at(6n)])
      expect((await repository.receipt('chatcmpl-s'))?.receipt.fee).toBe(6n)
      await repository.appendReceipts([receiptRecord({ id: 'chatcmpl-s', fee: 8n })])
      // One answer is owed once: the dearer of its receipts.
      expect(await repository.unsettled(ALICE)).toBe(8n)
      await repository.changeReceipts({ ...none, acknowledged: ['chatcmpl-s'] })
      expect((await repository.billable(ALICE, 10)).map(({ kind, fee }) => [kind, fee])).toEqual([['final', 8n]])
    })

    test('a cut stream owes its checkpoint, a cut answer nothing', async () => {
      const repository = await open()
      await repository.appendReceipts([
        receiptRecord({ id: 'chatcmpl-s', kind: 'checkpoint', fee: 3n }),
        receiptRecord({ id: 'chatcmpl-s', fee: 8n }),
        receiptRecord({ id: 'chatcmpl-w', fee: 9n }),
      ])
      await repository.changeReceipts({ ...none, cut: ['chatcmpl-s', 'chatcmpl-w', 'chatcmpl-unknown'] })
      expect((await repository.billable(ALICE, 10)).map(({ kind, fee }) => [kind, fee])).toEqual([['checkpoint', 3n]])
      expect(await repository.unsettled(ALICE)).toBe(3n)
      expect((await repository.receipt('chatcmpl-w'))?.state).toBe('void')
      // Too late: the cut decided.
      const late = await repository.changeReceipts({ ...none, acknowledged: ['chatcmpl-s', 'chatcmpl-w'] })
      expect(late.acknowledged.size).toBe(0)
      expect(await repository.unsettled(ALICE)).toBe(3n)
    })

    test('deadlines decide: final receipts become void, checkpoints count, never both', async () => {
      const repository = await open()
      await repository.appendReceipts([
        receiptRecord({ id: 'chatcmpl-s', kind: 'checkpoint', fee: 3n, deadlineMs: 100 }),
        receiptRecord({ id: 'chatcmpl-s', fee: 8n, deadlineMs: 500 }),
      ])
      // The checkpoint waits for the final receipt's deadline.
      expect(await repository.expire(100)).toEqual([])
      expect(await repository.expire(500)).toEqual([ALICE])
      expect((await repository.changeReceipts({ ...none, acknowledged: ['chatcmpl-s'] })).acknowledged.size).toBe(0)
      expect((await repository.billable(ALICE, 10)).map(({ kind }) => kind)).toEqual(['checkpoint'])
    })

    test('a stream that lives keeps its deadline ahead', async () => {
      const repository = await open()
      await repository.appendReceipts([receiptRecord({ id: 'chatcmpl-s', kind: 'checkpoint', fee: 3n, deadlineMs: 100 })])
      await repository.keepAlive(['chatcmpl-s', 'chatcmpl-unknown'], 900)
      expect(await repository.expire(899)).toEqual([])
      expect(await repository.expire(900)).toEqual([ALICE])
    })

    test('of checkpoints that arrive together the last one counts, and the whole answer replaces it', async () => {
      const repository = await open()
      const at = (fee: bigint) => receiptRecord({ id: 'chatcmpl-s', kind: 'checkpoint', fee })
      await repository.appendReceipts([at(3n), at(6n)])
      await repository.appendReceipts([at(9n)])
      expect(await repository.unsettled(ALICE)).toBe(9n)
      await repository.appendReceipts([receiptRecord({ id: 'chatcmpl-s', fee: 11n })])
      expect(await repository.unsettled(ALICE)).toBe(11n)
      const outcome = await repository.changeReceipts({ ...none, acknowledged: ['chatcmpl-s'] })
      expect([...outcome.acknowledged]).toEqual(['chatcmpl-s'])
      expect((await repository.billable(ALICE, 10)).map(({ fee }) => fee)).toEqual([11n])
      expect(await repository.expire(1_000_000)).toEqual([])
      expect(await repository.unsettled(ALICE)).toBe(11n)
    })

    test('the checkpoint that is at hand when a stream is cut counts', async () => {
      const repository = await open()
      const at = (fee: bigint) => receiptRecord({ id: 'chatcmpl-s', kind: 'checkpoint', fee })
      await repository.appendReceipts([at(3n)])
      expect((await repository.receipt('chatcmpl-s'))?.receipt.fee).toBe(3n)
      await repository.appendReceipts([at(6n)])
      await repository.changeReceipts({ ...none, cut: ['chatcmpl-s'] })
      expect((await repository.billable(ALICE, 10)).map(({ fee }) => fee)).toEqual([6n])
    })

    test('keeps whatever a model or a parameter is called', async () => {
      const repository = await open()
      const record = { ...receiptRecord(), model: 'a "b"\\c', params: '{"stop":["\\n","\\u2028\u2028","\'"]}' }
      await repository.appendReceipts([receiptRecord(), record, receiptRecord()])
      expect(await repository.receipt(record.id)).toEqual({ ...record, state: 'pending', batch: undefined })
    })

    test('a checkpoint that was billed keeps the final receipt from counting', async () => {
      const repository = await open()
      const checkpoint = receiptRecord({ id: 'chatcmpl-s', kind: 'checkpoint', fee: 3n, deadlineMs: 100 })
      await repository.appendReceipts([checkpoint])
      await repository.expire(100)
      await repository.appendReceipts([receiptRecord({ id: 'chatcmpl-s', fee: 8n })])
      expect((await repository.changeReceipts({ ...none, acknowledged: ['chatcmpl-s'] })).acknowledged.size).toBe(0)
      expect((await repository.receipt('chatcmpl-s'))?.kind).toBe('checkpoint')
    })

    test('counts promises that were not kept', async () => {
      const repository = await open()
      await repository.appendReceipts([
        receiptRecord({ acknowledgement: 'signed', deadlineMs: 10, finishedAt: 2000 }),
        receiptRecord({ acknowledgement: 'write', deadlineMs: 10, finishedAt: 2000 }),
        receiptRecord({ acknowledgement: 'signed', deadlineMs: 99, finishedAt: 2000 }),
      ])
      await repository.expire(10)
      expect(await repository.unacknowledgedCount(ALICE, 2000)).toBe(1)
      expect(await repository.unacknowledgedCount(ALICE, 2001)).toBe(0)
    })

    async function withReceipts(repository: BrokerRepository, fees: readonly (readonly [Hex, bigint])[]): Promise<string[]> {
      const finals = fees.map(([user, fee]) => receiptRecord({ user, fee }))
      const ids = finals.map(({ id }) => id)
      await repository.appendReceipts(finals)
      await repository.changeReceipts({ ...none, acknowledged: ids })
      return ids
    }

    test('a batch takes receipts and carries, all or nothing, one batch at a time', async () => {
      const repository = await open()
      const ids = await withReceipts(repository, [
        [ALICE, 5n],
        [ALICE, 6n],
        [BOB, 7n],
      ])
      expect(await repository.billableUsers(10)).toEqual([
        { user: ALICE, amount: 11n, receiptCount: 2, oldestMs: 1000 },
        { user: BOB, amount: 7n, receiptCount: 1, oldestMs: 1000 },
      ])
      const batch = await batchOf(repository, [ALICE])
      expect(batch).toMatchObject({ state: 'built', users: [{ user: ALICE, sum: 11n, nonce: 7n, outcome: undefined }] })
      expect(await repository.openBatch()).toEqual(batch)
      expect(await repository.batchBlob(batch.batchId)).toEqual(new Uint8Array([1, 2, 3]))
      expect((await repository.receipt(ids[1] as string))?.batch).toEqual({ batchId: batch.batchId, leafIndex: 1 })
      expect(await repository.unsettled(ALICE)).toBe(11n)
      expect(await repository.billableUsers(10)).toHaveLength(1)
      await expect(batchOf(repository, [BOB])).rejects.toMatchObject({ reason: 'WRONG_STATE' })
      expect((await repository.billable(BOB, 10)).length).toBe(1)
    })

    test('refuses a plan that is out of date', async () => {
      const repository = await open()
      const [first] = await withReceipts(repository, [[ALICE, 5n]])
      const user = {
        user: ALICE,
        requestsHash: word(1),
        root: word(2),
        sum: 5n,
        receiptCount: 1,
        carry: undefined,
        nonce: 1n,
        receiptIds: [first as string, 'chatcmpl-unknown'],
      }
      const plan = { root: word(3), blob: new Uint8Array(1), createdAtMs: 1, users: [user] }
      await expect(repository.createBatch(plan, 1n)).rejects.toMatchObject({ reason: 'WRONG_STATE' })
      const carried = { ...user, receiptIds: [first as string], carry: { requestsHash: word(9), amount: 1n } }
      await expect(repository.createBatch({ ...plan, users: [carried] }, 1n)).rejects.toMatchObject({ reason: 'WRONG_STATE' })
      expect(await repository.openBatch()).toBeUndefined()
      expect((await repository.billable(ALICE, 10)).length).toBe(1)
    })

    test('what is not paid is carried into the next batch, where the carry is the first leaf', async () => {
      const repository = await open()
      await withReceipts(repository, [
        [ALICE, 5n],
        [BOB, 7n],
      ])
      const batch = await batchOf(repository, [ALICE, BOB])
      await repository.beginSettling(batch.batchId)
      await repository.recordOutcomes(batch.batchId, new Map([[ALICE, { status: 1, unpaid: 4n }]]))
      expect((await repository.openBatch())?.state).toBe('settling')
      // The same event again changes nothing, and neither does another outcome.
      await repository.recordOutcomes(batch.batchId, new Map([[ALICE, { status: 0, unpaid: 0n }]]))
      expect(await repository.carry(ALICE)).toEqual({ user: ALICE, requestsHash: batch.users[0]?.requestsHash, amount: 4n })
      await repository.recordOutcomes(batch.batchId, new Map([[BOB, { status: 0, unpaid: 0n }]]))
      expect(await repository.openBatch()).toBeUndefined()
      expect((await repository.batch(batch.batchId))?.state).toBe('settled')
      expect(await repository.totals()).toEqual({ billable: 0n, inBatches: 0n, paid: 8n, carried: 4n })
      expect(await repository.unsettled(ALICE)).toBe(4n)

      const [id] = await withReceipts(repository, [[ALICE, 3n]])
      const next = await batchOf(repository, [ALICE], 1n, 6000)
      expect(next.users[0]).toMatchObject({ sum: 7n, carry: { requestsHash: batch.users[0]?.requestsHash, amount: 4n } })
      expect((await repository.receipt(id as string))?.batch?.leafIndex).toBe(1)
      expect(await repository.carry(ALICE)).toBeUndefined()
      expect(await repository.unsettled(ALICE)).toBe(7n)
    })

    test('a batch with nothing to pay is settled by its anchor', async () => {
      const repository = await open()
      await withReceipts(repository, [[ALICE, 0n]])
      const batch = await batchOf(repository, [ALICE])
      await repository.beginSettling(batch.batchId)
      expect((await repository.batch(batch.batchId))?.state).toBe('settled')
      expect((await repository.batch(batch.batchId))?.users[0]?.outcome).toEqual({ status: 0, unpaid: 0n })
    })

    test('keeps transactions and publication, and finds a batch by them', async () => {
      const repository = await open()
      await withReceipts(repository, [[ALICE, 1n]])
      const { batchId } = await batchOf(repository, [ALICE])
      const anchor = { raw: '0x02aa', hash: word(0xaa), nonce: 13n } as const
      await repository.recordPublication(batchId, 'somewhere', 1n)
      await repository.recordTransaction(batchId, 'anchor', anchor, 1n)
      await repository.recordTransaction(batchId, 'settle', { ...anchor, hash: word(0xbb) }, 1n)
      expect(await repository.openBatch()).toMatchObject({ publication: 'somewhere', transactions: { anchor } })
      expect((await repository.batchOfTransaction(word(0xbb)))?.batchId).toBe(batchId)
      expect(await repository.batchOfTransaction(word(0xcc))).toBeUndefined()
    })

    test('an older leader is fenced out, and changes nothing', async () => {
      const repository = await open()
      await withReceipts(repository, [[ALICE, 1n]])
      const { batchId } = await batchOf(repository, [ALICE], 5n)
      const transaction = { raw: '0x02aa', hash: word(0xaa), nonce: 1n } as const
      await expect(repository.recordTransaction(batchId, 'settle', transaction, 4n)).rejects.toMatchObject({ reason: 'FENCED' })
      await expect(repository.recordPublication(batchId, 'x', 4n)).rejects.toMatchObject({ reason: 'FENCED' })
      await expect(batchOf(repository, [BOB], 4n)).rejects.toMatchObject({ reason: 'FENCED' })
      expect((await repository.openBatch())?.transactions.settle).toBeUndefined()
      await repository.recordTransaction(batchId, 'settle', transaction, 6n)
    })

    test('the height never goes back', async () => {
      const repository = await open()
      expect(await repository.height()).toBeUndefined()
      await repository.recordHeight(7n)
      await repository.recordHeight(5n)
      expect(await repository.height()).toBe(7n)
    })

    test('forgets what is over, and nothing that may still be paid', async () => {
      const repository = await open()
      const [settled] = await withReceipts(repository, [[ALICE, 1n]])
      const batch = await batchOf(repository, [ALICE])
      const voided = receiptRecord({ deadlineMs: 1, finishedAt: 1000 })
      const waiting = receiptRecord({ finishedAt: 1000 })
      await repository.appendReceipts([voided, waiting])
      await repository.changeReceipts({ ...none, cut: [voided.id] })
      expect(await repository.prune(1001, 10)).toBe(1)
      expect(await repository.receipt(voided.id)).toBeUndefined()
      await repository.beginSettling(batch.batchId)
      await repository.recordOutcomes(batch.batchId, new Map([[ALICE, { status: 0, unpaid: 0n }]]))
      expect(await repository.prune(5000, 10)).toBe(0)
      expect(await repository.prune(5001, 10)).toBe(1)
      expect(await repository.receipt(settled as string)).toBeUndefined()
      expect((await repository.receipt(waiting.id))?.state).toBe('pending')
    })
  })
}
