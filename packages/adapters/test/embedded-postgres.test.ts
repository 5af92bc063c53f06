import { chmodSync, cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { systemClock } from '../src/clock/system.ts'
import { postgresSql } from '../src/sql/cluster.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/sql/embedded.ts'
import { readPostmaster } from '../src/sql/postgres-files.ts'
import { temporaryFolder } from '../src/testing.ts'
import { startChild } from './children.ts'

let template: ReturnType<typeof temporaryFolder>
let folder: ReturnType<typeof temporaryFolder>
let server: EmbeddedPostgres | undefined
beforeAll(async () => {
  template = temporaryFolder('template')
  await (await startEmbeddedPostgres({ dataDir: join(template.path, 'postgres') })).stop()
}, 300_000)
afterAll(() => template.remove())
beforeEach(() => {
  folder = temporaryFolder('embedded')
})
afterEach(async () => {
  await server?.stop()
  server = undefined
  folder.remove()
})

const dataDir = () => join(folder.path, 'postgres')
/** A first start makes 1,000 files and syncs them, so most tests begin with a copy. */
const prepare = () => cpSync(join(template.path, 'postgres'), dataDir(), { recursive: true })
const start = async () => {
  server = await startEmbeddedPostgres({ dataDir: dataDir() })
  return server
}
const gone = async (pid: number) => {
  const endMs = performance.now() + 15_000
  for (;;) {
    try {
      process.kill(pid, 0)
    } catch {
      return true
    }
    if (performance.now() > endMs) return false
    await systemClock.sleep(20)
  }
}

test('it starts, asks for the password, keeps its data over a stop, and leaves no process', async () => {
  const { url, pid, stop, port } = await start()
  expect(statSync(join(dataDir(), 'password')).mode & 0o777).toBe(0o600)
  expect(statSync(dataDir()).mode & 0o777).toBe(0o700)
  const sql = postgresSql({ url })
  await sql.query('CREATE TABLE kept (n int)')
  await sql.query('INSERT INTO kept VALUES (7)')
  const [settings] = await sql.query(
    "SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit, current_setting('data_checksums') AS checksums, current_setting('listen_addresses') AS address, current_setting('unix_socket_directories') AS sockets",
  )
  expect(settings).toEqual({ fsync: 'on', commit: 'on', checksums: 'on', address: '127.0.0.1', sockets: '' })
  await sql.close()
  const stranger = postgresSql({ url: `postgresql://zerog:guess@127.0.0.1:${port}/postgres` })
  await expect(stranger.ping()).rejects.toMatchObject({ reason: 'CONFIG_INVALID' })
  await stranger.close()
  await stop()
  expect(await gone(pid)).toBe(true)
  const again = postgresSql({ url: (await start()).url })
  expect(await again.query('SELECT n FROM kept')).toEqual([{ n: 7 }])
  await again.close()
}, 300_000)

test('a folder that is in use is refused, and so is a taken port', async () => {
  prepare()
  await start()
  await expect(startEmbeddedPostgres({ dataDir: dataDir() })).rejects.toMatchObject({ reason: 'DATA_FOLDER_IN_USE' })
  await server?.stop()
  const blocker = createServer()
  await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve))
  const address = blocker.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  await expect(startEmbeddedPostgres({ dataDir: dataDir(), port })).rejects.toMatchObject({ reason: 'PORT_IN_USE' })
  await new Promise((resolve) => blocker.close(resolve))
}, 300_000)

test('it ends with the process that started it, also when that is killed', async () => {
  prepare()
  const child = startChild(new URL('./children/bus-writer.ts', import.meta.url), dataDir(), '0')
  const first = await child.lines.next()
  const pid = Number(String(first.value).slice(4))
  process.kill(pid, 0)
  child.process.kill('SIGKILL')
  expect(await gone(pid)).toBe(true)
}, 300_000)

test('a start right after a kill waits for the old server, and a foreign process under its number does not matter', async () => {
  prepare()
  const child = startChild(new URL('./children/bus-writer.ts', import.meta.url), dataDir(), '0')
  await child.lines.next()
  child.process.kill('SIGKILL')
  await new Promise((resolve) => child.process.once('exit', resolve))
  await start()
  const pid = server?.pid ?? 0
  // The server is killed; then another process gets its number.
  process.kill(pid, 'SIGKILL')
  await server?.exited
  const file = join(dataDir(), 'data', 'postmaster.pid')
  expect(readPostmaster(join(dataDir(), 'data'))?.pid).toBe(pid)
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^\d+/, String(process.pid)))
  const sql = postgresSql({ url: (await start()).url })
  await sql.ping()
  await sql.close()
}, 300_000)

test('the end of the server is told, and whether it was wanted', async () => {
  prepare()
  const running = await start()
  process.kill(running.pid, 'SIGKILL')
  expect(await running.exited).toEqual({ expected: false })
  const second = await start()
  await second.stop()
  expect(await second.exited).toEqual({ expected: true })
}, 300_000)

test('a first start that was cut off begins anew', async () => {
  prepare()
  rmSync(join(dataDir(), 'data'), { recursive: true })
  writeFileSync(join(dataDir(), 'data.new'), 'half')
  const sql = postgresSql({ url: (await start()).url })
  await sql.ping()
  await sql.close()
}, 300_000)

test('a damaged folder gives one sentence with the remedy', async () => {
  prepare()
  const control = join(dataDir(), 'data', 'global', 'pg_control')
  const whole = readFileSync(control)
  truncateSync(control, 100)
  await expect(start()).rejects.toMatchObject({ reason: 'DATA_FOLDER_DAMAGED', message: expect.stringContaining('--reset') })
  writeFileSync(control, whole)
  for (const name of readdirSync(join(dataDir(), 'data', 'pg_wal')).filter((entry) => /^[0-9A-F]{24}$/.test(entry))) {
    writeFileSync(join(dataDir(), 'data', 'pg_wal', name), '')
  }
  await expect(start()).rejects.toMatchObject({ reason: 'DATA_FOLDER_DAMAGED' })
  rmSync(join(dataDir(), 'password'))
  await expect(start()).rejects.toMatchObject({ reason: 'DATA_FOLDER_DAMAGED', message: expect.stringContaining('password') })
}, 300_000)

test('a server that was written by another major version is named so', async () => {
  prepare()
  writeFileSync(join(dataDir(), 'data', 'PG_VERSION'), '12\n')
  await expect(start()).rejects.toMatchObject({ reason: 'WRONG_STATE' })
}, 300_000)

test('a folder that cannot be made gives one sentence with the remedy', async () => {
  writeFileSync(dataDir(), '')
  chmodSync(dataDir(), 0o400)
  await expect(start()).rejects.toMatchObject({ reason: 'CONFIG_INVALID' })
})
