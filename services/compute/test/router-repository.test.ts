import { describe, expect, test } from '@jest/globals'
import { describeOnPostgres } from '@zerog/adapters/sql/test-database'
import type { Hex } from '@zerog/primitives'
import { memoryRouterRepository } from '../src/adapters/sql/router-memory-repository.ts'
import { sqlRouterRepository } from '../src/adapters/sql/router-repository.ts'
import type { NewKey, RouterRepository, Spend } from '../src/app/router/ports.ts'

const PROVIDER: Hex = `0x${'aa'.repeat(20)}`
const digest = (index: number): Hex => `0x${String(index).padStart(64, '0')}`
const key = (index: number, budget: bigint | null): NewKey => ({
  id: `key_${index}`,
  digest: digest(index),
  name: 'n',
  shown: 's',
  budget,
  limits: { requestsPerMinute: 5, tokensPerMinute: undefined },
  createdAtMs: index,
})
const spend = (answerId: string, of: Partial<Spend> = {}): Spend => ({
  answerId,
  provider: PROVIDER,
  keyId: 'key_1',
  model: 'm',
  state: 'signed',
  cost: 10n,
  promptTokens: 1,
  completionTokens: 2,
  receipt: new Uint8Array([1]),
  atMs: 1,
  ...of,
})
const entries = { opened: [], spent: [], outcomes: [], answers: [] }

function suite(name: string, open: () => Promise<RouterRepository>): void {
  describe(`the books in ${name}`, () => {
    test('grants never exceed the budget, over holders and after spending', async () => {
      const books = await open()
      await books.createKey(key(1, 100n))
      expect(await books.grant({ keyId: 'key_1', holder: 'a', wanted: 60n, atLeast: 10n })).toBe(60n)
      expect(await books.grant({ keyId: 'key_1', holder: 'b', wanted: 60n, atLeast: 10n })).toBe(40n)
      expect(await books.grant({ keyId: 'key_1', holder: 'b', wanted: 1n, atLeast: 1n })).toBe(0n)
      await books.write('a', { ...entries, spent: [spend('x', { cost: 50n })] })
      await books.releaseGrants('a')
      await books.releaseGrants('b')
      expect(await books.grant({ keyId: 'key_1', holder: 'a', wanted: 100n, atLeast: 51n })).toBe(0n)
      expect(await books.grant({ keyId: 'key_1', holder: 'a', wanted: 100n, atLeast: 50n })).toBe(50n)
    })

    test('an answer counts once, a void one gives its money back once', async () => {
      const books = await open()
      await books.createKey(key(1, 100n))
      const outcome = { answerId: 'y', provider: PROVIDER, state: 'void' as const }
      await books.write('a', {
        ...entries,
        opened: [spend('x', { state: 'open', cost: 0n }), spend('y', { state: 'open', cost: 0n })],
      })
      for (let round = 0; round < 2; round++) await books.write('a', { ...entries, spent: [spend('x'), spend('y')] })
      expect((await books.keyByDigest(digest(1)))?.spent).toBe(20n)
      for (let round = 0; round < 2; round++)
        await books.write('a', { ...entries, outcomes: [outcome, { ...outcome, answerId: 'x', state: 'acked' }] })
      expect((await books.keyByDigest(digest(1)))?.spent).toBe(10n)
      expect(await books.unfinished(10)).toEqual([])
      expect(await books.totals()).toEqual([
        { provider: PROVIDER, state: 'acked', cost: 10n, count: 1 },
        { provider: PROVIDER, state: 'void', cost: 10n, count: 1 },
      ])
    })

    test('one write may hold an answer from its head to its end, and void one of a key while it books another', async () => {
      const books = await open()
      await books.createKey(key(1, 1000n))
      await books.grant({ keyId: 'key_1', holder: 'a', wanted: 100n, atLeast: 1n })
      await books.write('a', { ...entries, spent: [spend('before', { cost: 7n })] })
      const outcome = (answerId: string, state: 'acked' | 'void') => ({ answerId, provider: PROVIDER, state })
      const head = (answerId: string) => spend(answerId, { state: 'open', cost: 0n, receipt: new Uint8Array() })
      await books.write('a', { ...entries, spent: [spend('new', { cost: 30n })], outcomes: [outcome('before', 'void')] })
      expect((await books.keyByDigest(digest(1)))?.spent).toBe(30n)
      await books.write('a', {
        ...entries,
        opened: [head('short'), head('left'), head('running')],
        spent: [spend('short', { cost: 5n })],
        outcomes: [outcome('short', 'acked'), outcome('left', 'void')],
      })
      // What comes late finds the answer decided.
      await books.write('a', { ...entries, opened: [head('short'), head('new')] })
      expect((await books.keyByDigest(digest(1)))?.spent).toBe(35n)
      const states = (await books.spends({ keyId: 'key_1', limit: 10 })).map(({ answerId, state }) => `${answerId} ${state}`)
      expect(states.toSorted()).toEqual(['before void', 'left void', 'new signed', 'running open', 'short acked'])
      // 100 were granted, 7, 30 and 5 spent: what the holder still has is kept from everybody else.
      expect(await books.grant({ keyId: 'key_1', holder: 'b', wanted: 1000n, atLeast: 1n })).toBe(1000n - 35n - 58n)
    })

    test('an idempotency key has one owner, one request and one answer', async () => {
      const books = await open()
      const claim = { keyId: 'key_1', idempotencyKey: 'i', fingerprint: digest(5), holder: 'a', nowMs: 0, expiresAtMs: 100 }
      expect(await books.claimIdempotency(claim)).toEqual({ kind: 'new' })
      expect(await books.claimIdempotency(claim)).toEqual({ kind: 'running' })
      expect(await books.claimIdempotency({ ...claim, fingerprint: digest(6) })).toEqual({ kind: 'other_request' })
      const answer = { status: 200, headers: { a: 'b' }, body: new Uint8Array([1, 2]) }
      await books.write('a', { ...entries, answers: [{ keyId: 'key_1', idempotencyKey: 'i', answer }] })
      await books.dropIdempotency('key_1', 'i')
      expect(await books.claimIdempotency(claim)).toMatchObject({ kind: 'stored', answer: { status: 200, headers: { a: 'b' } } })
      expect(await books.claimIdempotency({ ...claim, nowMs: 100, expiresAtMs: 200 })).toEqual({ kind: 'new' })
      await books.cleanIdempotency({ holder: 'a', nowMs: 101 })
      expect(await books.claimIdempotency(claim)).toEqual({ kind: 'new' })
    })

    test('keys change and are found by their digest alone', async () => {
      const books = await open()
      await books.createKey(key(2, null))
      expect(await books.keyByDigest(digest(2))).toMatchObject({ id: 'key_2', budget: null, limits: { requestsPerMinute: 5 } })
      expect(await books.updateKey('key_2', { budget: 7n, revoked: true })).toBe(true)
      expect(await books.keyByDigest(digest(2))).toMatchObject({ budget: 7n, revoked: true })
      expect(await books.updateKey('none', {})).toBe(false)
      expect(await books.keyByDigest(digest(3))).toBeUndefined()
    })
  })
}

suite('memory', async () => memoryRouterRepository())

describeOnPostgres('compute_router', (empty) => {
  suite('PostgreSQL', async () => sqlRouterRepository(await empty()))
})
