import { describe, expect, test } from '@jest/globals'
import { memoryRouterRepository } from '../../adapters/sql/router-memory-repository.ts'
import { virtualKeyDigest } from '../../core/router/virtual-key.ts'
import { createKeys } from './keys.ts'
import type { RouterRepository } from './ports.ts'

const TEXT = `sk-zerog-${'t'.repeat(43)}`
const AUTHORIZATION = `Bearer ${TEXT}`
const TTL_MS = 1000

async function setup() {
  const books = memoryRouterRepository()
  await books.createKey({
    id: 'key_1',
    digest: virtualKeyDigest(TEXT) ?? '0x',
    name: 'n',
    shown: 's',
    budget: null,
    limits: { requestsPerMinute: undefined, tokensPerMinute: undefined },
    createdAtMs: 0,
  })
  let nowMs = 0
  let reads = 0
  let hold: Promise<void> | undefined
  let away = false
  const repository: RouterRepository = {
    ...books,
    async keyByDigest(digest) {
      reads++
      if (away) throw new Error('the database is away')
      const record = await books.keyByDigest(digest)
      await hold
      return record
    },
  }
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => {}, after: () => () => {} }
  const keys = createKeys({ keyTtlMs: TTL_MS, holder: 'router' }, { repository, clock })
  return {
    books,
    keys,
    reads: () => reads,
    at(ms: number) {
      nowMs = ms
    },
    leave() {
      away = true
    },
    /** Reads see the books as they are now and answer when `let go` is called. */
    holdReads() {
      const { promise, resolve } = Promise.withResolvers<void>()
      hold = promise
      return resolve
    },
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('a key that is in use', () => {
  test('is read again before its time is over, once, while nobody waits', async () => {
    const { keys, reads, at, holdReads } = await setup()
    await keys.authenticate(AUTHORIZATION)
    expect(reads()).toBe(1)
    at(TTL_MS / 2 + 1)
    const letGo = holdReads()
    for (let round = 0; round < 3; round++) await keys.authenticate(AUTHORIZATION)
    expect(reads()).toBe(2)
    letGo()
    await settled()
    at(TTL_MS + 1)
    await keys.authenticate(AUTHORIZATION)
    expect(reads()).toBe(2)
  })

  test('is refused as soon as it was read as revoked', async () => {
    const { books, keys, at } = await setup()
    await keys.authenticate(AUTHORIZATION)
    await books.updateKey('key_1', { revoked: true })
    at(TTL_MS / 2 + 1)
    await keys.authenticate(AUTHORIZATION)
    await settled()
    await expect(keys.authenticate(AUTHORIZATION)).rejects.toMatchObject({ status: 401 })
  })

  test('is served until its time is over while the database is away', async () => {
    const { keys, at, leave } = await setup()
    await keys.authenticate(AUTHORIZATION)
    leave()
    for (const ms of [TTL_MS / 2 + 1, TTL_MS - 1]) {
      at(ms)
      await keys.authenticate(AUTHORIZATION)
      await settled()
    }
    at(TTL_MS)
    await expect(keys.authenticate(AUTHORIZATION)).rejects.toThrow('away')
  })

  test('and changed here is not served as a read that began before saw it', async () => {
    const { books, keys, at, holdReads } = await setup()
    await keys.authenticate(AUTHORIZATION)
    at(TTL_MS / 2 + 1)
    const letGo = holdReads()
    await keys.authenticate(AUTHORIZATION)
    await settled()
    await books.updateKey('key_1', { revoked: true })
    keys.forget('key_1')
    letGo()
    await settled()
    await expect(keys.authenticate(AUTHORIZATION)).rejects.toMatchObject({ status: 401 })
  })
})
