import { expect, test } from '@jest/globals'
import { systemClock } from '@zerog/adapters/clock/system'
import { ZerogError } from '@zerog/primitives'
import { silentLogger } from '@zerog/runtime'
import type { WorkerClient, WorkerModel } from './ports.ts'
import { createWorkers } from './workers.ts'

const MODEL = { id: 'm' } as WorkerModel // only its name counts here

function open(count: number) {
  const away = new Set<number>()
  let nowMs = 0
  const client = (instance: number) => ({
    instance,
    async listModels() {
      if (away.has(instance)) throw new ZerogError('DEPENDENCY_UNAVAILABLE', { message: 'gone' })
      return [MODEL]
    },
  })
  const workers = createWorkers(
    { timeoutMs: 1_000, accepts: () => true },
    {
      connector: { instances: () => count, client: (instance) => client(instance) as unknown as WorkerClient },
      clock: { ...systemClock, monotonicMs: () => nowMs },
      logger: silentLogger,
    },
  )
  const refresh = () => workers.refresh(new AbortController().signal)
  const pass = (ms: number) => {
    nowMs += ms
  }
  return { workers, away, refresh, pass }
}

test('the model of a worker that restarts stays on offer, that of one that is gone does not', async () => {
  const { workers, away, refresh, pass } = open(1)
  await refresh()
  away.add(0)
  pass(1_000)
  await refresh()
  expect(workers.reachable()).toEqual({ count: 0, known: 1 })
  expect(workers.models()).toEqual([MODEL])
  expect(workers.take('m')?.model).toBe(MODEL)
  pass(30_000)
  await refresh()
  expect([workers.models(), workers.take('m')]).toEqual([[], undefined])
})

test('one that is reachable is taken before one that restarts, however busy it is', async () => {
  const { workers, away, refresh } = open(2)
  await refresh()
  away.add(0)
  await refresh()
  const taken = [1, 2, 3].map(() => workers.take('m')?.client as unknown as { readonly instance: number })
  expect(taken.map(({ instance }) => instance)).toEqual([1, 1, 1])
})
