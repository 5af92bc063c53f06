import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { postgresBus } from '../src/bus/embedded.ts'
import { busSuite } from '../src/bus/suite.ts'
import { systemClock } from '../src/clock/system.ts'
import { postgresLeases } from '../src/leases/cluster.ts'
import { leasesSuite } from '../src/leases/suite.ts'
import { postgresSql } from '../src/sql/cluster.ts'
import { startEmbeddedPostgres } from '../src/sql/embedded.ts'
import { sqlSuite } from '../src/sql/suite.ts'
import { temporaryFolder } from '../src/testing.ts'
import type { RunningServer } from './servers.ts'
import { withServer } from './with-server.ts'

const pass = (ms: number) => systemClock.sleep(ms)

withServer('postgres', (server) => portsOnPostgres('installed PostgreSQL', server))

describe('embedded PostgreSQL', () => {
  let server: Pick<RunningServer, 'url' | 'pid' | 'stop'>
  beforeAll(async () => {
    const folder = temporaryFolder('embedded')
    const started = await startEmbeddedPostgres({ dataDir: folder.path })
    const stop = async () => {
      await started.stop()
      folder.remove()
    }
    server = { ...started, stop }
  }, 300_000)
  afterAll(() => server.stop())
  portsOnPostgres('embedded PostgreSQL', () => server)
})

function portsOnPostgres(name: string, server: () => Pick<RunningServer, 'url' | 'pid'>) {
  sqlSuite(name, async () => {
    const sql = postgresSql({ url: server().url })
    return { sql, dispose: () => sql.close() }
  })

  busSuite(name, async () => {
    const [bus, second] = await Promise.all([postgresBus({ url: server().url }), postgresBus({ url: server().url })])
    const dispose = async () => {
      await Promise.all([bus.close(), second.close()])
    }
    return { bus, second, pass, dispose }
  })

  leasesSuite(name, async () => {
    const sql = postgresSql({ url: server().url })
    const crash = new AbortController()
    return {
      first: postgresLeases({ sql, clock: systemClock, signal: crash.signal }),
      second: postgresLeases({ sql, clock: systemClock }),
      crashFirst: () => crash.abort(),
      pass,
      dispose: () => sql.close(),
    }
  })

  test(`a lease is lost in time when the server hangs (${name})`, async () => {
    const sql = postgresSql({ url: server().url })
    const lease = await postgresLeases({ sql, clock: systemClock }).tryAcquire({ name: 'hang', holder: 'a', ttlMs: 600 })
    const startMs = performance.now()
    // Frozen, it neither answers nor closes its connections, and takes no new ones.
    const frozen = [server().pid, ...(await backendPids(sql))]
    for (const pid of frozen) process.kill(pid, 'SIGSTOP')
    try {
      await new Promise((resolve) => lease?.lost.addEventListener('abort', resolve))
      expect(performance.now() - startMs).toBeLessThan(900)
    } finally {
      for (const pid of frozen) process.kill(pid, 'SIGCONT')
    }
    await lease?.release()
    await sql.close()
  })
}

async function backendPids(sql: ReturnType<typeof postgresSql>): Promise<number[]> {
  const rows = await sql.query<{ pid: number }>("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")
  return rows.map(({ pid }) => pid)
}

test('a server that is away is said to be away, with its place but not its password', async () => {
  const sql = postgresSql({ url: 'postgresql://zerog:secret@127.0.0.1:1/postgres' })
  const error = await sql.ping().catch((caught: unknown) => caught)
  expect(error).toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE', message: expect.stringContaining('127.0.0.1:1/postgres') })
  expect(JSON.stringify(error)).not.toContain('secret')
  await sql.close()
})
