import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Kv } from '@zerog/ports'
import fc from 'fast-check'
import { bytesOf } from '../testing.ts'
import { memoryKv } from './memory.ts'

export type KvSubject = {
  readonly kv: Kv
  /** Closes and opens the store again, where it outlives its closing. */
  readonly reopen?: () => Promise<Kv>
  readonly dispose: () => Promise<void>
}

/** What every Kv guarantees. */
export function kvSuite(name: string, create: () => Promise<KvSubject>): void {
  describe(`Kv contract: ${name}`, () => {
    let subject: KvSubject
    let kv: Kv
    beforeEach(async () => {
      subject = await create()
      kv = subject.kv
    })
    afterEach(() => subject.dispose())

    const put = (key: string, value: string, table = 't') => kv.write([{ table, key: bytesOf(key), value: bytesOf(value) }])
    const keysOf = (entries: Iterable<readonly [Uint8Array, Uint8Array]>) =>
      [...entries].map(([key]) => Buffer.from(key).toString())

    test('a written value is read at once, before any flush', () => {
      put('a', '1')
      expect(kv.get('t', bytesOf('a'))).toEqual(bytesOf('1'))
      put('a', '2')
      expect(kv.get('t', bytesOf('a'))).toEqual(bytesOf('2'))
      expect(kv.get('t', bytesOf('b'))).toBeUndefined()
    })

    test('an empty value is a value', () => {
      put('a', '')
      expect(kv.get('t', bytesOf('a'))).toEqual(new Uint8Array())
    })

    test('null deletes, also what was flushed', async () => {
      put('a', '1')
      await kv.flush()
      kv.write([{ table: 't', key: bytesOf('a'), value: null }])
      expect(kv.get('t', bytesOf('a'))).toBeUndefined()
      expect(keysOf(kv.range('t'))).toEqual([])
      await kv.flush()
      expect(kv.get('t', bytesOf('a'))).toBeUndefined()
    })

    test('tables with common beginnings do not see each other', async () => {
      for (const table of ['t', 'tt', 't.u', 'T', 's']) put('k', table, table)
      await kv.flush()
      for (const table of ['t', 'tt', 't.u', 'T', 's']) {
        expect([...kv.range(table)]).toEqual([[bytesOf('k'), bytesOf(table)]])
      }
    })

    test('range: from is inclusive, to exclusive, in both directions, with a limit', async () => {
      for (const key of ['a', 'b', 'c', 'd', 'e']) put(key, key)
      await kv.flush()
      put('bb', 'x')
      const from = bytesOf('b')
      const to = bytesOf('d')
      expect(keysOf(kv.range('t', { from, to }))).toEqual(['b', 'bb', 'c'])
      expect(keysOf(kv.range('t', { from, to, reverse: true }))).toEqual(['c', 'bb', 'b'])
      expect(keysOf(kv.range('t', { from, to, reverse: true, limit: 1 }))).toEqual(['c'])
      expect(keysOf(kv.range('t', { from, limit: 2 }))).toEqual(['b', 'bb'])
      expect(keysOf(kv.range('t', { to: from }))).toEqual(['a'])
      expect(keysOf(kv.range('t', { limit: 0 }))).toEqual([])
      expect(keysOf(kv.range('t', { from: to, to: from }))).toEqual([])
    })

    test('keys are ordered as unsigned bytes, a prefix first', async () => {
      const keys = [[0], [0, 0], [1], [127], [128], [255], [255, 255]].map((bytes) => new Uint8Array(bytes))
      for (const key of [...keys].reverse()) kv.write([{ table: 't', key, value: key }])
      expect([...kv.range('t')].map(([key]) => key)).toEqual(keys)
      await kv.flush()
      expect([...kv.range('t', { reverse: true })].map(([key]) => key)).toEqual([...keys].reverse())
    })

    test('an iteration shows one moment, whatever is written meanwhile', async () => {
      for (const key of ['a', 'b', 'c']) put(key, key)
      await kv.flush()
      put('d', 'd')
      const iterator = kv.range('t')[Symbol.iterator]()
      const seen = [Buffer.from(iterator.next().value?.[0] as Uint8Array).toString()]
      kv.write([{ table: 't', key: bytesOf('b'), value: null }])
      put('c', 'changed')
      put('e', 'e')
      await kv.flush()
      for (let step = iterator.next(); !step.done; step = iterator.next()) seen.push(Buffer.from(step.value[1]).toString())
      expect(seen).toEqual(['a', 'b', 'c', 'd'])
    })

    test('later writes of one call win over earlier ones', () => {
      const key = bytesOf('a')
      kv.write([
        { table: 't', key, value: bytesOf('1') },
        { table: 't', key, value: null },
        { table: 't', key, value: bytesOf('2') },
      ])
      expect(kv.get('t', key)).toEqual(bytesOf('2'))
    })

    test('what a caller does with its bytes afterwards changes nothing in the store', async () => {
      const value = bytesOf('value')
      const key = bytesOf('key')
      kv.write([{ table: 't', key, value }])
      value.fill(0)
      key.fill(0)
      const read = kv.get('t', bytesOf('key')) as Uint8Array
      expect(read).toEqual(bytesOf('value'))
      read.fill(0)
      await kv.flush()
      ;(kv.get('t', bytesOf('key')) as Uint8Array).fill(0)
      expect(kv.get('t', bytesOf('key'))).toEqual(bytesOf('value'))
    })

    test('the largest key and value fit, one byte more is refused before anything is written', async () => {
      const key = new Uint8Array(511).fill(255)
      const value = new Uint8Array(64 * 1024).map((_, index) => index)
      kv.write([{ table: 't', key, value }])
      await kv.flush()
      expect(kv.get('t', key)).toEqual(value)
      expect([...kv.range('t')]).toEqual([[key, value]])
      const first = { table: 't', key: bytesOf('first'), value: bytesOf('1') }
      expect(() => kv.write([first, { table: 't', key: new Uint8Array(512), value }])).toThrow('512')
      expect(() => kv.write([first, { table: 't', key, value: new Uint8Array(64 * 1024 + 1) }])).toThrow('65537')
      expect(() => kv.write([first, { table: 't', key: new Uint8Array(), value }])).toThrow('0 bytes')
      expect(kv.get('t', bytesOf('first'))).toBeUndefined()
    })

    test('concurrent flushes all resolve', async () => {
      put('a', '1')
      const first = kv.flush()
      put('b', '2')
      await Promise.all([first, kv.flush(), kv.flush()])
      expect(keysOf(kv.range('t'))).toEqual(['a', 'b'])
    })

    test('behaves as the model for any sequence of operations', async () => {
      const model = memoryKv()
      const key = fc.uint8Array({ minLength: 1, maxLength: 3 }).map((bytes) => bytes.map((byte) => byte & 3))
      const table = fc.constantFrom('a', 'ab')
      const write = fc.record({ table, key, value: fc.option(fc.uint8Array({ maxLength: 40 })) })
      const step = fc.oneof(
        { arbitrary: fc.record({ kind: fc.constant('write' as const), writes: fc.array(write, { maxLength: 8 }) }), weight: 6 },
        { arbitrary: fc.record({ kind: fc.constant('flush' as const), awaited: fc.boolean() }), weight: 2 },
        { arbitrary: fc.record({ kind: fc.constant('reopen' as const) }), weight: 1 },
      )
      const range = fc.record({ from: key, to: key, reverse: fc.boolean(), limit: fc.nat(6) }, { requiredKeys: [] })
      const run = async (steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[], probe: object) => {
        for (const entry of steps) {
          if (entry.kind === 'write') {
            kv.write(entry.writes)
            model.write(entry.writes)
          } else if (entry.kind === 'flush') {
            const flushed = kv.flush()
            if (entry.awaited) await flushed
          } else if (subject.reopen !== undefined) {
            kv = await subject.reopen()
          }
          for (const name of ['a', 'ab']) {
            expect([...kv.range(name, probe)]).toEqual([...model.range(name, probe)])
          }
        }
        for (const [found, value] of model.range('a')) expect(kv.get('a', found)).toEqual(value)
      }
      await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 12 }), range, run), { numRuns: 40 })
    })
  })
}
