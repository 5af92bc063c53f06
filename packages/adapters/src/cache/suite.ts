import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Cache } from '@zerog/ports'
import fc from 'fast-check'

export type CacheSubject = {
  readonly cache: Cache
  readonly pass: (ms: number) => Promise<void>
  readonly dispose: () => Promise<void>
}

/** What every Cache guarantees. */
export function cacheSuite(name: string, create: () => Promise<CacheSubject>): void {
  describe(`Cache contract: ${name}`, () => {
    let subject: CacheSubject
    let cache: Cache
    let key: string
    beforeEach(async () => {
      subject = await create()
      cache = subject.cache
      key = `test:${randomUUID()}`
    })
    afterEach(() => subject.dispose())

    test('a value is there until it is replaced, deleted or its time is over', async () => {
      expect(await cache.get(key)).toBeUndefined()
      await cache.set(key, 'ü\n1', 60_000)
      expect(await cache.get(key)).toBe('ü\n1')
      await cache.set(key, '', 60_000)
      expect(await cache.get(key)).toBe('')
      await cache.delete(key)
      expect(await cache.get(key)).toBeUndefined()
      await cache.delete(key)
      await cache.set(key, '2', 80)
      await subject.pass(120)
      expect(await cache.get(key)).toBeUndefined()
    })

    test('raise never goes down and answers the highest value seen', async () => {
      expect(await cache.raise(key, 9n, 60_000)).toBe(9n)
      expect(await cache.raise(key, 10n, 60_000)).toBe(10n)
      expect(await cache.raise(key, 9n, 60_000)).toBe(10n)
      expect(await cache.raise(key, 10n, 60_000)).toBe(10n)
      const large = 2n ** 64n + 1n
      expect(await cache.raise(key, large, 60_000)).toBe(large)
      expect(await cache.raise(key, 2n ** 64n, 60_000)).toBe(large)
      expect(await cache.raise(key, 0n, 60_000)).toBe(large)
    })

    test('concurrent raises all end at the highest', async () => {
      const property = fc.asyncProperty(
        fc.array(fc.bigInt({ min: 0n, max: 2n ** 70n }), { minLength: 1, maxLength: 12 }),
        async (values) => {
          const own = `${key}:${randomUUID()}`
          const seen = await Promise.all(values.map((value) => cache.raise(own, value, 60_000)))
          const highest = [...values].sort((a, b) => (a < b ? 1 : -1))[0]
          for (const [index, answer] of seen.entries()) expect(answer >= (values[index] as bigint)).toBe(true)
          expect(await cache.raise(own, 0n, 60_000)).toBe(highest)
        },
      )
      await fc.assert(property, { numRuns: 20 })
    })

    test('raise forgets when nobody raised for its ttl', async () => {
      await cache.raise(key, 9n, 80)
      await subject.pass(120)
      expect(await cache.raise(key, 5n, 60_000)).toBe(5n)
    })

    test('count adds up within its window and begins again after it', async () => {
      expect(await cache.count(key, 1, 200)).toBe(1)
      expect(await cache.count(key, 5, 200)).toBe(6)
      await subject.pass(260)
      expect(await cache.count(key, 2, 60_000)).toBe(2)
      const counts = await Promise.all(Array.from({ length: 20 }, () => cache.count(key, 1, 60_000)))
      expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 3))
    })

    test('counting does not make the window longer', async () => {
      await cache.count(key, 1, 200)
      await subject.pass(120)
      await cache.count(key, 1, 200)
      await subject.pass(120)
      expect(await cache.count(key, 1, 200)).toBe(1)
    })

    test('a ping is answered', async () => {
      await cache.ping()
    })
  })
}
