import { describe, expect, test } from '@jest/globals'
import { redisCache } from '../src/cache/cluster.ts'
import { cacheSuite } from '../src/cache/suite.ts'
import { systemClock } from '../src/clock/system.ts'
import { withServer } from './with-server.ts'

withServer('redis', (server) => {
  cacheSuite('redis', async () => {
    const cache = redisCache({ url: server().url })
    return { cache, pass: (ms) => systemClock.sleep(ms), dispose: () => cache.close() }
  })

  test('two replicas see one number', async () => {
    const [one, two] = [redisCache({ url: server().url }), redisCache({ url: server().url })]
    await one.raise('heights', 7n, 60_000)
    expect(await two.raise('heights', 6n, 60_000)).toBe(7n)
    await Promise.all([one.close(), two.close()])
  })
})

describe('redis away', () => {
  test('every call says so soon, and closing works', async () => {
    const cache = redisCache({ url: 'redis://127.0.0.1:1' })
    await expect(cache.get('a')).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' })
    // The first call has found out; the others do not wait for the same again.
    const turns = { taken: 0 }
    const counting = setInterval(() => turns.taken++, 0)
    await Promise.all(
      Array.from({ length: 100 }, () => expect(cache.ping()).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' })),
    )
    clearInterval(counting)
    expect(turns.taken).toBe(0)
    await cache.close()
  })
})
