import { expect, test } from '@jest/globals'
import { manualClock } from '../testing.ts'
import { memoryCache } from './memory.ts'
import { cacheSuite } from './suite.ts'

cacheSuite('memory', async () => {
  const { clock, pass } = manualClock()
  const cache = memoryCache({ clock })
  return { cache, pass, dispose: () => cache.close() }
})

test('the entry that was used least recently makes room', async () => {
  const cache = memoryCache({ clock: manualClock().clock, entriesMax: 3 })
  for (const key of ['a', 'b', 'c']) await cache.set(key, key, 1000)
  await cache.get('a')
  await cache.set('d', 'd', 1000)
  const present = await Promise.all(['a', 'b', 'c', 'd'].map((key) => cache.get(key)))
  expect(present).toEqual(['a', undefined, 'c', 'd'])
})
