import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Sql } from '@zerog/ports'
import { Inbox } from '../testing.ts'

export type SqlSubject = { readonly sql: Sql; readonly dispose: () => Promise<void> }

/** What every Sql guarantees. */
export function sqlSuite(name: string, create: () => Promise<SqlSubject>): void {
  describe(`Sql contract: ${name}`, () => {
    let subject: SqlSubject
    let sql: Sql
    beforeAll(async () => {
      subject = await create()
      sql = subject.sql
    })
    afterAll(() => subject.dispose())
    const newSchema = () => `s_${randomUUID().replaceAll('-', '')}`

    test('values keep their types on the way in and out', async () => {
      const bytes = new Uint8Array(256).map((_, index) => index)
      const when = new Date('2026-11-22T12:34:56.789Z')
      const [row] = await sql.query(
        'SELECT $1::int8 AS big, $2::bytea AS bytes, $3::timestamptz AS at, $4::int8[] AS bigs, $5::text AS text, $6::bool AS bool, $7::bytea[] AS list, $8::text AS nothing',
        [-(2n ** 63n), bytes, when, [1n, 2n ** 63n - 1n], "o'hara \\ ü", true, [bytes, new Uint8Array()], null],
      )
      expect(row).toMatchObject({
        big: -(2n ** 63n),
        bytes,
        at: when,
        bigs: [1n, 2n ** 63n - 1n],
        text: "o'hara \\ ü",
        bool: true,
        nothing: null,
      })
      expect(row?.bytes).not.toBeInstanceOf(Buffer)
      const [counted] = await sql.query('SELECT count(*) AS count, $1::int8[] AS none FROM generate_series(1, 3)', [[]])
      expect(counted).toEqual({ count: 3n, none: [] })
    })

    test('a transaction is all or nothing', async () => {
      const schema = newSchema()
      await sql.migrate({ schema, migrations: [{ number: 1, name: 'a', sql: 'CREATE TABLE a (n int)' }] })
      const failing = sql.transaction(async (session) => {
        await session.query(`INSERT INTO ${schema}.a VALUES (1)`)
        throw new Error('changed my mind')
      })
      await expect(failing).rejects.toThrow('changed my mind')
      expect(await sql.query(`SELECT n FROM ${schema}.a`)).toEqual([])
      const answer = await sql.transaction(async (session) => {
        await session.query(`INSERT INTO ${schema}.a VALUES (2)`)
        return 'done'
      })
      expect(answer).toBe('done')
      expect(await sql.query(`SELECT n FROM ${schema}.a`)).toEqual([{ n: 2 }])
    })

    test('transactions that would break serializability run again, and none is lost', async () => {
      const schema = newSchema()
      await sql.migrate({
        schema,
        migrations: [{ number: 1, name: 'a', sql: 'CREATE TABLE a (n int); INSERT INTO a VALUES (0)' }],
      })
      let runs = 0
      const both = new Inbox<number>()
      const increment = () =>
        sql.transaction(
          async (session) => {
            const [row] = await session.query<{ n: number }>(`SELECT n FROM ${schema}.a`)
            both.add(++runs)
            // Both have read before either writes.
            await both.until(2)
            await session.query(`UPDATE ${schema}.a SET n = $1`, [(row?.n ?? 0) + 1])
          },
          { isolation: 'serializable' },
        )
      await Promise.all([increment(), increment()])
      expect(await sql.query(`SELECT n FROM ${schema}.a`)).toEqual([{ n: 2 }])
      expect(runs).toBeGreaterThan(2)
    })

    test('migrations run once, in order, also when several replicas start at once', async () => {
      const schema = newSchema()
      const first = { number: 1, name: 'create', sql: 'CREATE TABLE a (n int); INSERT INTO a VALUES (1)' }
      const second = { number: 2, name: 'more', sql: 'INSERT INTO a VALUES (2)' }
      await Promise.all(Array.from({ length: 4 }, () => sql.migrate({ schema, migrations: [first] })))
      await sql.migrate({ schema, migrations: [first, second] })
      await sql.migrate({ schema, migrations: [first, second] })
      expect(await sql.query(`SELECT n FROM ${schema}.a ORDER BY n`)).toEqual([{ n: 1 }, { n: 2 }])
    })

    test('a migration that was changed, or a schema that is newer, is refused', async () => {
      const schema = newSchema()
      const first = { number: 1, name: 'create', sql: 'CREATE TABLE a (n int)' }
      const second = { number: 2, name: 'more', sql: 'INSERT INTO a VALUES (2)' }
      await sql.migrate({ schema, migrations: [first, second] })
      const changed = { ...first, sql: 'CREATE TABLE a (n bigint)' }
      await expect(sql.migrate({ schema, migrations: [changed, second] })).rejects.toMatchObject({ reason: 'WRONG_STATE' })
      await expect(sql.migrate({ schema, migrations: [first] })).rejects.toThrow('newer')
    })

    test('a migration that fails leaves nothing behind', async () => {
      const schema = newSchema()
      const broken = [
        { number: 1, name: 'create', sql: 'CREATE TABLE a (n int)' },
        { number: 2, name: 'broken', sql: 'INSERT INTO nowhere VALUES (1)' },
      ]
      await expect(sql.migrate({ schema, migrations: broken })).rejects.toThrow('nowhere')
      const [row] = await sql.query('SELECT count(*) AS count FROM information_schema.schemata WHERE schema_name = $1', [schema])
      expect(row).toEqual({ count: 0n })
    })
  })
}
