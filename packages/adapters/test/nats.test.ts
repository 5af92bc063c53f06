import { expect, test } from '@jest/globals'
import { natsBus } from '../src/bus/cluster.ts'
import { busSuite } from '../src/bus/suite.ts'
import { systemClock } from '../src/clock/system.ts'
import { withServer } from './with-server.ts'

withServer('nats', (server) => {
  busSuite('NATS JetStream', async () => {
    const servers = [server().url]
    const [bus, second] = await Promise.all([natsBus({ servers }), natsBus({ servers })])
    const dispose = async () => {
      await Promise.all([bus.close(), second.close()])
    }
    return { bus, second, pass: (ms) => systemClock.sleep(ms), dispose }
  })
})

test('credentials of the address are used, and never said', async () => {
  await expect(natsBus({ servers: ['nats://zerog:secret@127.0.0.1:1'], connection: { reconnect: false } })).rejects.toMatchObject(
    {
      message: expect.stringMatching(/^NATS at nats:\/\/127\.0\.0\.1:1 does not answer/),
    },
  )
})

test('a server that is away is said to be away', async () => {
  await expect(natsBus({ servers: ['nats://127.0.0.1:1'], connection: { reconnect: false } })).rejects.toMatchObject({
    reason: 'DEPENDENCY_UNAVAILABLE',
  })
})
