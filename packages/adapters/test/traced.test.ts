import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { temporaryFolder } from '../src/testing.ts'

const CALLS = 'fdatasync,fsync,write,writev,pwrite64,pwritev'
const SCRIPT = fileURLToPath(new URL('./children/acknowledger.ts', import.meta.url))

function mayTrace(): boolean {
  try {
    execFileSync('strace', ['-o', '/dev/null', 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const suite = mayTrace() ? describe : describe.skip

/** SIGKILL keeps the page cache, so only the system calls show that an acknowledgement waited for the disk. */
suite(`traced${suite === describe ? '' : ' (skipped: no strace; install it with: apt-get install -y strace)'}`, () => {
  let folder: ReturnType<typeof temporaryFolder>
  let calls: string[]
  beforeAll(() => {
    folder = temporaryFolder('traced')
    const trace = join(folder.path, 'trace')
    const arguments_ = [
      '-f',
      '-y',
      '-s',
      '64',
      '-e',
      `trace=${CALLS}`,
      '-o',
      trace,
      process.execPath,
      SCRIPT,
      join(folder.path, 'data'),
    ]
    execFileSync('strace', arguments_, { stdio: 'ignore', env: { ...process.env, NODE_OPTIONS: '' } })
    calls = readFileSync(trace, 'utf8').split('\n')
  }, 300_000)
  afterAll(() => folder.remove())

  // A call that another thread interrupts is printed in two lines; its result stands in the second one.
  const isSync = (line: string, file: string) => line.includes('sync(') && line.includes(file)
  const isWrite = (line: string, file: string) => /(pwrite64|pwritev|writev|write)\(/.test(line) && line.includes(file)

  test.each([
    ['kv', 'data.mdb'],
    ['blob', '.seg'],
    ['bus', 'pg_wal'],
  ])('%s: each acknowledgement comes after a write and a sync of its file', (kind, file) => {
    let seen = 0
    for (let n = 0; n < 10; n++) {
      const begin = calls.findIndex((line) => line.includes(`"begin ${kind} ${n}\\n"`))
      const end = calls.findIndex((line) => line.includes(`"acknowledged ${kind} ${n}\\n"`))
      const between = calls.slice(begin, end)
      const written = between.findIndex((line) => isWrite(line, file))
      const synced = between.findLastIndex((line) => isSync(line, file))
      expect([begin, written, synced].every((index) => index >= 0)).toBe(true)
      expect(synced).toBeGreaterThan(written)
      seen++
    }
    expect(seen).toBe(10)
  })
})
