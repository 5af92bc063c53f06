import { describe, expect, test } from '@jest/globals'
import type { Hex } from '@zerog/primitives'
import type { OutboxEvent, StorageRepository, StoredSubmission } from '../src/app/repository.ts'

const id = (byte: number): Hex => `0x${byte.toString(16).padStart(2, '0').repeat(32)}`
const root = (byte: number) => new Uint8Array(32).fill(byte)
const A = id(0xa1)
const B = id(0xb2)
const C = id(0xc3)

function submission(txSeq: number, byte: number, sizeBytes = 1000): StoredSubmission {
  return {
    txSeq,
    root: root(byte),
    sizeBytes,
    startEntry: 1 + txSeq * 1024,
    nodes: [
      { height: 2, root: root(byte) },
      { height: 0, root: root(byte + 1) },
    ],
    tags: new Uint8Array([1, 2]),
    submitter: new Uint8Array(20).fill(9),
    transactionHash: root(0xee),
    transactionFrom: new Uint8Array(20).fill(7),
    height: BigInt(txSeq + 1),
  }
}

const at = (height: number) => ({ height: BigInt(height), hash: id(height) })
const event = (name: string): OutboxEvent => ({ id: name, subject: 'zerog.storage.v1.file_finalized', data: new Uint8Array([5]) })
const room = { expiresAtMs: 5000, unsubmittedBytesMax: 1_000_000 }

/** What every storage repository promises. `open` gives an empty one. */
export function repositorySuite(name: string, open: () => Promise<StorageRepository>): void {
  describe(`${name} repository`, () => {
    test('moves the checkpoint by compare-and-set, together with the submissions', async () => {
      const repository = await open()
      expect(await repository.checkpoint()).toBeUndefined()
      const first = { from: undefined, to: at(1), submissions: [submission(0, 1)] }
      expect(await repository.applyBlock(first)).toBe('applied')
      expect(await repository.applyBlock({ ...first, submissions: [submission(1, 2)] })).toBe('stale')
      expect(await repository.applyBlock({ from: at(2), to: at(3), submissions: [submission(1, 2)] })).toBe('stale')
      expect(await repository.nextTxSeq()).toBe(1)
      expect(await repository.applyBlock({ from: at(1), to: at(2), submissions: [submission(1, 1, 900)] })).toBe('applied')
      expect(await repository.checkpoint()).toEqual(at(2))
      expect(await repository.submission(0)).toEqual(submission(0, 1))
      expect(await repository.submission(7)).toBeUndefined()
      expect((await repository.submissionsOf(root(1), 10)).map((found) => found.txSeq)).toEqual([0, 1])
      expect((await repository.submissionsFrom(1, 10)).map((found) => found.txSeq)).toEqual([1])
      expect((await repository.submissionAt(1024))?.txSeq).toBe(0)
      expect((await repository.submissionAt(1025))?.txSeq).toBe(1)
      expect(await repository.submissionAt(0)).toBeUndefined()
    })

    test('leaves a submission that it holds as it is', async () => {
      const repository = await open()
      await repository.applyBlock({ from: undefined, to: at(1), submissions: [submission(0, 1)] })
      await repository.applyBlock({ from: at(1), to: at(2), submissions: [{ ...submission(0, 1), startEntry: 77 }] })
      expect((await repository.submission(0))?.startEntry).toBe(1)
    })

    test('keeps a file without a submission for its time only, and a submitted one for good', async () => {
      const repository = await open()
      const early = await repository.openFile({ key: { root: root(1), sizeBytes: 1000 }, ...room })
      expect(early).toMatchObject({ expiresAtMs: 5000, sizeBytes: 1000 })
      expect(await repository.openFile({ key: { root: root(1), sizeBytes: 1000 }, ...room, expiresAtMs: 9000 })).toEqual(early)
      await repository.openFile({ key: { root: root(3), sizeBytes: 1000 }, ...room })
      await repository.applyBlock({ from: undefined, to: at(1), submissions: [submission(0, 1)] })
      expect((await repository.file({ root: root(1), sizeBytes: 1000 }))?.expiresAtMs).toBeUndefined()
      expect(await repository.expire(4999, 10)).toBe(0)
      expect(await repository.expire(5000, 10)).toBe(1)
      expect(await repository.file({ root: root(3), sizeBytes: 1000 })).toBeUndefined()
      expect(await repository.file({ root: root(1), sizeBytes: 1000 })).toBeDefined()
      expect(await repository.file({ root: root(1), sizeBytes: 999 })).toBeUndefined()
    })

    test('bounds what arrives before its submission', async () => {
      const repository = await open()
      const open1 = (byte: number, sizeBytes: number) => repository.openFile({ key: { root: root(byte), sizeBytes }, ...room })
      expect(await open1(1, 600_000)).toMatchObject({ sizeBytes: 600_000 })
      expect(await open1(2, 500_000)).toBe('full')
      expect(await open1(2, 400_000)).toMatchObject({ sizeBytes: 400_000 })
      expect(await open1(1, 600_000)).toMatchObject({ sizeBytes: 600_000 })
    })

    test('places a range once and remembers which node stores what', async () => {
      const repository = await open()
      await repository.applyBlock({ from: undefined, to: at(1), submissions: [submission(0, 1, 64 * 262_144)] })
      const file = await repository.file({ root: root(1), sizeBytes: 64 * 262_144 })
      const fileId = file?.fileId ?? -1n
      expect(await repository.range(fileId, 0)).toBeUndefined()
      const placed = await repository.placeRange({ fileId, rangeIndex: 0, quorum: 2, nodeIds: [A, B, C] })
      expect(await repository.placeRange({ fileId, rangeIndex: 0, quorum: 1, nodeIds: [A] })).toEqual(placed)
      expect(await repository.placeRange({ fileId: 999n, rangeIndex: 0, quorum: 1, nodeIds: [A] })).toBeUndefined()
      const full = 2n ** 64n - 1n
      const mark = (nodeId: Hex, segments: bigint) => ({ fileId, rangeIndex: 0, nodeId, segments })
      expect(await repository.recordStored([mark(A, 1n), mark(B, 2n ** 63n), mark(A, 2n)])).toHaveLength(3)
      expect(await repository.recordStored([mark(A, 4n), { ...mark(A, 1n), fileId: 999n }])).toEqual([7n, undefined])
      expect(await repository.recordStored([mark(C, full)])).toEqual([full])
      const range = await repository.range(fileId, 0)
      expect(range?.quorum).toBe(2)
      expect(range?.holdings.map(({ nodeId, stored }) => [nodeId, stored])).toEqual([
        [A, 7n],
        [B, 2n ** 63n],
        [C, full],
      ])
      await repository.clearStored(mark(C, 1n))
      expect((await repository.range(fileId, 0))?.holdings[2]?.stored).toBe(full - 1n)
    })

    test('keeps a receipt only for what is still stored, and drops it with a loss', async () => {
      const repository = await open()
      await repository.applyBlock({ from: undefined, to: at(1), submissions: [submission(0, 1)] })
      const fileId = (await repository.file({ root: root(1), sizeBytes: 1000 }))?.fileId ?? -1n
      await repository.placeRange({ fileId, rangeIndex: 0, quorum: 1, nodeIds: [A] })
      await repository.recordStored([{ fileId, rangeIndex: 0, nodeId: A, segments: 1n }])
      const receipt = { fileId, rangeIndex: 0, nodeId: A, signature: new Uint8Array(64).fill(3), issuedAtMs: 123 }
      await repository.saveReceipt({ ...receipt, segments: 3n })
      expect((await repository.range(fileId, 0))?.holdings[0]?.receipt).toBeUndefined()
      await repository.saveReceipt({ ...receipt, segments: 1n })
      expect((await repository.range(fileId, 0))?.holdings[0]?.receipt).toEqual({ signature: receipt.signature, issuedAtMs: 123 })
      await repository.clearStored({ fileId, rangeIndex: 0, nodeId: A, segments: 1n })
      expect((await repository.range(fileId, 0))?.holdings[0]).toEqual({ nodeId: A, stored: 0n, receipt: undefined })
    })

    test('finalizes once, with its event, and then looks after the replicas', async () => {
      const repository = await open()
      await repository.applyBlock({ from: undefined, to: at(1), submissions: [submission(0, 1), submission(1, 2)] })
      const fileId = (await repository.file({ root: root(1), sizeBytes: 1000 }))?.fileId ?? -1n
      expect((await repository.unfinished(0n, 10)).map((file) => file.root[0])).toEqual([1, 2])
      await repository.placeRange({ fileId, rangeIndex: 0, quorum: 1, nodeIds: [A, B] })
      await repository.recordStored([{ fileId, rangeIndex: 0, nodeId: A, segments: 1n }])
      expect(await repository.incomplete(10)).toEqual([])
      expect(await repository.finalize({ fileId, finalizedAtMs: 42, event: event('one') })).toBe(true)
      expect(await repository.finalize({ fileId, finalizedAtMs: 43, event: event('two') })).toBe(false)
      expect((await repository.fileById(fileId))?.finalizedAtMs).toBe(42)
      expect(await repository.outbox(10)).toEqual([event('one')])
      await repository.clearOutbox(['one'])
      expect(await repository.outbox(10)).toEqual([])
      expect((await repository.unfinished(0n, 10)).map((file) => file.root[0])).toEqual([2])
      expect(await repository.incomplete(10)).toEqual([{ fileId, rangeIndex: 0, nodeId: B, stored: 0n }])
      await repository.replaceHolding({ fileId, rangeIndex: 0, nodeId: B, by: C })
      expect((await repository.incomplete(10)).map((ref) => ref.nodeId)).toEqual([C])
      await repository.recordStored([{ fileId, rangeIndex: 0, nodeId: C, segments: 1n }])
      expect(await repository.incomplete(10)).toEqual([])
      expect(await repository.holders()).toEqual([A, C])
      expect(await repository.heldBy(C, 10)).toEqual([{ fileId, rangeIndex: 0, nodeId: C }])
      expect(await repository.heldBy(B, 10)).toEqual([])
      expect(await repository.thin(2, 10)).toEqual([])
      expect(await repository.thin(3, 10)).toEqual([{ fileId, rangeIndex: 0 }])
      await repository.addHolding({ fileId, rangeIndex: 0, nodeId: B })
      await repository.addHolding({ fileId, rangeIndex: 0, nodeId: B })
      expect((await repository.ranges(fileId))[0]?.holdings.map((holding) => holding.nodeId)).toEqual([A, B, C])
    })

    test('remembers an expired file until every node forgot it, and nothing recorded for it reaches its successor', async () => {
      const repository = await open()
      const key = { root: root(1), sizeBytes: 1000 }
      const early = await repository.openFile({ key, ...room })
      const fileId = typeof early === 'string' ? -1n : early.fileId
      await repository.placeRange({ fileId, rangeIndex: 0, quorum: 1, nodeIds: [A, B] })
      expect(await repository.expire(5000, 10)).toBe(1)
      expect(await repository.deletions(10)).toEqual([{ ...key, fileId, nodeIds: [A, B] }])
      expect(await repository.openFile({ key, ...room })).toBe('deleting')
      await repository.finishDeletion(fileId, [A])
      expect(await repository.openFile({ key, ...room })).toBe('deleting')
      await repository.finishDeletion(fileId, [B])
      expect(await repository.deletions(10)).toEqual([])
      const later = await repository.openFile({ key, ...room })
      expect(later).toMatchObject({ sizeBytes: 1000 })
      expect(typeof later === 'string' ? undefined : later.fileId).not.toBe(fileId)
      expect(await repository.recordStored([{ fileId, rangeIndex: 0, nodeId: A, segments: 1n }])).toEqual([undefined])
    })
  })
}
