import { expect, test } from '@jest/globals'
import { systemClock } from '@zerog/adapters/clock/system'
import { within } from './generation.ts'

test('work that nobody waits for any more may fail unheard', async () => {
  const unheard: unknown[] = []
  const hear = (error: unknown) => unheard.push(error)
  process.on('unhandledRejection', hear)
  const signal = AbortSignal.abort(new Error('gone'))
  await expect(within(Promise.reject(new Error('late')), 1000, { clock: systemClock, signal })).rejects.toThrow('gone')
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', hear)
  expect(unheard).toEqual([])
})
