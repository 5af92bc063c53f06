import { expect, test } from '@jest/globals'
import { drainer } from './drainer.ts'

function countingQueue() {
  const waiting: (() => void)[] = []
  let steps = 0
  const worker = drainer({
    hasWork: () => waiting.length > 0,
    async step() {
      steps++
      const batch = waiting.splice(0)
      await Promise.resolve()
      for (const resolve of batch) resolve()
    },
  })
  const add = () =>
    new Promise<void>((resolve) => {
      waiting.push(resolve)
      worker.wake()
    })
  return { add, worker, steps: () => steps }
}

test.each(Array.from({ length: 12 }, (_, hops) => hops))(
  'work that comes %d microtasks after the last was done is done too',
  async (hops) => {
    const { add, worker } = countingQueue()
    await add()
    for (let hop = 0; hop < hops; hop++) await Promise.resolve()
    const second = add()
    await worker.idle()
    expect(await Promise.race([second.then(() => 'done'), new Promise((resolve) => setImmediate(() => resolve('left')))])).toBe(
      'done',
    )
  },
)

test('what comes in one turn of the event loop shares a step', async () => {
  const { add, steps } = countingQueue()
  await Promise.all([add(), add(), add()])
  expect(steps()).toBe(1)
})
