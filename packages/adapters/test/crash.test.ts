import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { segmentBlobStore } from '../src/blob-store/embedded.ts'
import { postgresBus } from '../src/bus/embedded.ts'
import { lmdbKv } from '../src/kv/embedded.ts'
import { verifyKv } from '../src/kv/verify.ts'
import { startEmbeddedPostgres } from '../src/sql/embedded.ts'
import { Inbox, temporaryFolder } from '../src/testing.ts'
import { rowKey, rowNumber, rowValue } from './children/rows.ts'
import { linesUntilKilled, seededNumbers, startChild } from './children.ts'

/** `npm run test:long` sets more. */
const ROUNDS = Number(process.env.ZEROG_KILL_ROUNDS ?? 3)
const LIMIT_MS = 30_000 + ROUNDS * 10_000

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder('crash')
})
afterEach(() => folder.remove())

test(
  `Kv: ${ROUNDS} times SIGKILL while writing: everything flushed is there, what is there is a prefix`,
  async () => {
    const random = seededNumbers('kv crash')
    let first = 0
    for (let round = 0; round < ROUNDS; round++) {
      const killAfter = 1 + random(200)
      const lines = await linesUntilKilled(
        startChild(new URL('./children/kv-writer.ts', import.meta.url), folder.path, String(first)),
        (count) => count === killAfter,
      )
      const acknowledged = Math.max(...lines.map(Number))
      expect(verifyKv(folder.path).damage).toEqual([])
      const kv = lmdbKv({ path: folder.path })
      const present = [...kv.range('rows')].map(([key, value]) => {
        const n = rowNumber(key)
        expect(Buffer.compare(value, rowValue(n, 3000))).toBe(0)
        return n
      })
      present.sort((a, b) => a - b)
      expect(present).toEqual(Array.from({ length: present.length }, (_, index) => index))
      expect(present.length).toBeGreaterThan(acknowledged)
      first = present.length
      await kv.close()
    }
  },
  LIMIT_MS,
)

test(
  `BlobStore: ${ROUNDS} times SIGKILL while writing and deleting: every acknowledged put and delete holds`,
  async () => {
    const random = seededNumbers('blob crash')
    const expected = new Map<number, 'put' | 'deleted' | 'either'>()
    let first = 0
    for (let round = 0; round < ROUNDS; round++) {
      const killAfter = 1 + random(150)
      const lines = await linesUntilKilled(
        startChild(new URL('./children/blob-writer.ts', import.meta.url), folder.path, String(first)),
        (count) => count === killAfter,
      )
      for (const line of lines) {
        const n = Number(line.slice(1))
        expected.set(n, line.startsWith('+') ? 'put' : line.startsWith('-') ? 'deleted' : 'either')
        first = Math.max(first, n + 1)
      }
      // Others may have been under way; their numbers are not used again.
      first += 8
      const store = segmentBlobStore({ path: folder.path, segmentBytes: 1024 * 1024 })
      for await (const { problem } of store.scrub()) throw new Error(problem)
      for (const [n, state] of expected) {
        const value = await store.get(rowKey(n))
        if (value !== undefined) expect(Buffer.compare(value, rowValue(n, 150_000))).toBe(0)
        if (state !== 'either') expect(value !== undefined).toBe(state === 'put')
      }
      await store.close()
    }
  },
  LIMIT_MS,
)

test(
  `embedded PostgreSQL and bus: ${ROUNDS} times SIGKILL of the process or of the server: no published message is lost or doubled`,
  async () => {
    const random = seededNumbers('bus crash')
    const published = new Set<string>()
    let first = 0
    for (let round = 0; round < ROUNDS; round++) {
      const child = startChild(new URL('./children/bus-writer.ts', import.meta.url), folder.path, String(first))
      const killAfter = 2 + random(150)
      const killServer = round % 2 === 1
      let serverPid = 0
      const lines = await linesUntilKilled(child, (count, line) => {
        if (line.startsWith('pid')) serverPid = Number(line.slice(4))
        if (count !== killAfter) return false
        if (killServer) process.kill(serverPid, 'SIGKILL')
        return true
      })
      for (const line of lines) if (!line.startsWith('pid')) published.add(`m${line}`)
      first += 1000
      const server = await startEmbeddedPostgres({ dataDir: folder.path })
      const bus = await postgresBus({ url: server.url })
      const inbox = new Inbox<string>()
      await bus.subscribe({ subject: 'zerog.crash.>', consumer: 'checker', concurrency: 32 }, async ({ id }) => inbox.add(id))
      // The last message of the round, which comes after all others.
      await bus.publish({ id: `end-${round}`, subject: 'zerog.crash.end', data: new Uint8Array() })
      while (!inbox.items.includes(`end-${round}`)) await inbox.until(inbox.items.length + 1)
      await bus.close()
      await server.stop()
      expect(new Set(inbox.items).size).toBe(inbox.items.length)
      for (const id of inbox.items) published.delete(id)
      expect([...published]).toEqual([])
    }
  },
  LIMIT_MS,
)
