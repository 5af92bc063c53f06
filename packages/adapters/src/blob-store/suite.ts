import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { BlobStore } from '@zerog/ports'
import fc from 'fast-check'
import { bytesOf } from '../testing.ts'
import { memoryBlobStore } from './memory.ts'

export type BlobStoreSubject = {
  readonly store: BlobStore
  readonly reopen?: () => Promise<BlobStore>
  readonly dispose: () => Promise<void>
}

/** What every BlobStore guarantees. */
export function blobStoreSuite(name: string, create: () => Promise<BlobStoreSubject>): void {
  describe(`BlobStore contract: ${name}`, () => {
    let subject: BlobStoreSubject
    let store: BlobStore
    beforeEach(async () => {
      subject = await create()
      store = subject.store
    })
    afterEach(() => subject.dispose())

    const key = bytesOf('key')
    const pattern = (length: number, seed = 1) =>
      new Uint8Array(length).map((_, index) => (index * 31 + (index >> 8) + seed) & 255)

    test('a put value is there, whole and in ranges that cross blocks', async () => {
      const value = pattern(200_001)
      await store.put(key, value)
      expect(store.has(key)).toBe(true)
      expect(await store.get(key)).toEqual(value)
      for (const [offset, length] of [
        [0, 1],
        [65_535, 2],
        [65_536, 65_536],
        [131_071, 68_930],
        [200_000, 1],
        [100, 0],
      ] as const) {
        expect(await store.get(key, { offset, length })).toEqual(value.slice(offset, offset + length))
      }
    })

    test('a missing key is undefined, with and without a range', async () => {
      expect(store.has(key)).toBe(false)
      expect(await store.get(key)).toBeUndefined()
      expect(await store.get(key, { offset: 0, length: 1 })).toBeUndefined()
    })

    test('a range that leaves the value is refused, never cut', async () => {
      await store.put(key, pattern(10))
      for (const range of [
        { offset: 0, length: 11 },
        { offset: 10, length: 1 },
        { offset: -1, length: 1 },
        { offset: 0.5, length: 1 },
      ]) {
        await expect(store.get(key, range)).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' })
      }
    })

    test('the same bytes again are no work, other bytes are refused', async () => {
      await store.put(key, pattern(5000))
      await store.put(key, pattern(5000))
      expect(store.stats()).toEqual({ count: 1, sizeBytes: 5000 })
      await expect(store.put(key, pattern(5000, 2))).rejects.toMatchObject({ reason: 'ALREADY_EXISTS' })
      expect(await store.get(key)).toEqual(pattern(5000))
    })

    test('concurrent puts of one key: equal ones succeed, only one of different ones does', async () => {
      await Promise.all([store.put(key, pattern(100)), store.put(key, pattern(100)), store.put(key, pattern(100))])
      const other = bytesOf('other')
      const results = await Promise.allSettled([1, 2, 3].map((seed) => store.put(other, pattern(100, seed))))
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected'])
      expect(store.stats().count).toBe(2)
    })

    test('a deleted key is gone and may be written again with other bytes', async () => {
      await store.put(key, pattern(100))
      await store.delete(key)
      expect(store.has(key)).toBe(false)
      expect(await store.get(key)).toBeUndefined()
      expect(store.stats()).toEqual({ count: 0, sizeBytes: 0 })
      await store.delete(key)
      await store.put(key, pattern(50, 9))
      expect(await store.get(key)).toEqual(pattern(50, 9))
    })

    test('keys come in order, by prefix', async () => {
      for (const bytes of [[2], [1, 255, 3], [1, 255], [1], [1, 0], [255, 255]])
        await store.put(new Uint8Array(bytes), pattern(1))
      const keys = (prefix?: number[]) => [...store.keys(prefix && new Uint8Array(prefix))].map((found) => [...found])
      expect(keys()).toEqual([[1], [1, 0], [1, 255], [1, 255, 3], [2], [255, 255]])
      expect(keys([1])).toEqual([[1], [1, 0], [1, 255], [1, 255, 3]])
      expect(keys([1, 255])).toEqual([
        [1, 255],
        [1, 255, 3],
      ])
      expect(keys([255])).toEqual([[255, 255]])
      expect(keys([3])).toEqual([])
    })

    test('the largest key and value fit; sizes outside the limits are refused', async () => {
      const largest = pattern(4 * 1024 * 1024)
      await store.put(new Uint8Array(128).fill(255), largest)
      expect(Buffer.compare((await store.get(new Uint8Array(128).fill(255))) as Uint8Array, largest)).toBe(0)
      await expect(store.put(key, new Uint8Array(4 * 1024 * 1024 + 1))).rejects.toThrow('4194305')
      await expect(store.put(key, new Uint8Array())).rejects.toThrow('0 bytes')
      await expect(store.put(new Uint8Array(129), pattern(1))).rejects.toThrow('129')
    })

    test('what a caller does with its bytes afterwards changes nothing', async () => {
      const value = pattern(100)
      await store.put(key, value)
      value.fill(0)
      ;((await store.get(key)) as Uint8Array).fill(0)
      expect(await store.get(key)).toEqual(pattern(100))
    })

    test('a scrub of a sound store finds nothing', async () => {
      await store.put(key, pattern(100_000))
      for await (const damage of store.scrub()) throw new Error(damage.problem)
    })

    test('behaves as the model for any sequence of operations', async () => {
      const model = memoryBlobStore()
      const anyKey = fc.uint8Array({ minLength: 1, maxLength: 2 }).map((bytes) => bytes.map((byte) => byte & 1))
      const step = fc.oneof(
        {
          arbitrary: fc.record({
            kind: fc.constant('put' as const),
            key: anyKey,
            size: fc.integer({ min: 1, max: 3000 }),
            seed: fc.nat(2),
          }),
          weight: 5,
        },
        { arbitrary: fc.record({ kind: fc.constant('delete' as const), key: anyKey }), weight: 3 },
        { arbitrary: fc.record({ kind: fc.constant('reopen' as const) }), weight: 1 },
      )
      const outcome = (work: Promise<void>) =>
        work.then(
          () => 'done',
          (error) => error.reason,
        )
      const run = async (steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[]) => {
        for (const entry of steps) {
          if (entry.kind === 'put') {
            const value = pattern(entry.size, entry.seed)
            expect(await outcome(store.put(entry.key, value))).toBe(await outcome(model.put(entry.key, value)))
          } else if (entry.kind === 'delete') {
            await Promise.all([store.delete(entry.key), model.delete(entry.key)])
          } else if (subject.reopen !== undefined) {
            store = await subject.reopen()
          }
        }
        expect(store.stats()).toEqual(model.stats())
        expect([...store.keys()]).toEqual([...model.keys()])
        for (const found of model.keys()) expect(await store.get(found)).toEqual(await model.get(found))
      }
      await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 20 }), run), { numRuns: 40 })
    })
  })
}
