import { expect, test } from '@jest/globals'
import type { BusDelivery } from '@zerog/ports'
import { natsBus } from '../src/bus/cluster.ts'
import { postgresBus } from '../src/bus/embedded.ts'
import type { ObservedBus } from '../src/bus/observed.ts'
import { redisCache } from '../src/cache/cluster.ts'
import { systemClock } from '../src/clock/system.ts'
import { startEmbeddedPostgres } from '../src/sql/embedded.ts'
import { bytesOf, Inbox, temporaryFolder } from '../src/testing.ts'
import { type RunningServer, startServer } from './servers.ts'
import { withServer } from './with-server.ts'

/** A bus in use while its server is killed and comes back on the same port with the same files. */
async function survives(bus: ObservedBus, kill: () => Promise<void>, restart: () => Promise<void>) {
  const inbox = new Inbox<BusDelivery>()
  await bus.subscribe({ subject: 'zerog.again.>', consumer: 'again', ackWaitMs: 2_000 }, async (delivery) => inbox.add(delivery))
  const publish = (n: number) => bus.publish({ id: `m${n}`, subject: 'zerog.again.message', data: bytesOf(String(n)) })
  await publish(1)
  await inbox.until(1)
  await kill()
  await expect(publish(2)).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' })
  await restart()
  // Publishers retry; the id makes that harmless.
  for (;;) {
    const error = await publish(3).then(
      () => undefined,
      (caught: unknown) => caught,
    )
    if (error === undefined) break
    expect(error).toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' })
    await systemClock.sleep(50)
  }
  while (!inbox.items.some(({ id }) => id === 'm3')) await inbox.until(inbox.items.length + 1)
}

test('the embedded bus goes on by itself when PostgreSQL was killed and started again', async () => {
  const folder = temporaryFolder('again')
  let server = await startEmbeddedPostgres({ dataDir: folder.path })
  const { port, url } = server
  const bus = await postgresBus({ url })
  try {
    await survives(
      bus,
      async () => {
        process.kill(server.pid, 'SIGKILL')
        await server.exited
      },
      async () => {
        server = await startEmbeddedPostgres({ dataDir: folder.path, port })
      },
    )
  } finally {
    await bus.close()
    await server.stop()
    folder.remove()
  }
}, 300_000)

withServer('nats', () => {
  test('the NATS bus goes on by itself when the server was killed and started again', async () => {
    let server = await startServer('nats')
    const bus = await natsBus({ servers: [server.url] })
    try {
      await survives(
        bus,
        () => server.kill(),
        async () => {
          server = await server.restart()
        },
      )
    } finally {
      await bus.close()
      await server.stop()
    }
  }, 300_000)
})

withServer('redis', () => {
  test('the cache says that Redis is away and goes on by itself when it is back', async () => {
    let server: RunningServer = await startServer('redis')
    const cache = redisCache({ url: server.url })
    try {
      await cache.set('a', '1', 60_000)
      await server.kill()
      await expect(cache.get('a')).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' })
      server = await server.restart()
      let answer: unknown
      while (answer !== 'back') {
        // It may refuse without asking anybody: the connection needs its turns.
        await new Promise(setImmediate)
        answer = await cache.ping().then(
          () => 'back',
          (error: unknown) => error,
        )
      }
      expect(await cache.get('a')).toBeUndefined()
    } finally {
      await cache.close()
      await server.stop()
    }
  }, 300_000)
})
