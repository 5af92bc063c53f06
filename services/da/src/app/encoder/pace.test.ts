import { expect, test } from '@jest/globals'
import { createPace } from './pace.ts'

/** Timers that fire when they are told to. */
function timers() {
  const running = new Set<() => void>()
  return {
    after(_: number, work: () => void) {
      running.add(work)
      return () => void running.delete(work)
    },
    sleep: () => new Promise<void>((resolve) => setImmediate(resolve)),
    fire() {
      for (const work of [...running]) {
        running.delete(work)
        work()
      }
    },
    running,
  }
}

/** Who has its turn, in order. */
function start(count: number, lanes: number) {
  const clock = timers()
  const pace = createPace({ lanes, patienceMs: 1 }, clock)
  const begun: number[] = []
  const ends: (() => void)[] = []
  const all = Array.from({ length: count }, async (_, member) => {
    ends[member] = await pace()
    begun.push(member)
  })
  /** Time for lanes to begin one after the other. */
  const settle = async () => {
    for (let turn = 0; turn < 8; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  return { clock, begun, ends, all, settle }
}

test('as many go at once as there are lanes, and one more whenever one ends', async () => {
  const { begun, ends, settle, clock } = start(5, 2)
  await settle()
  expect(begun).toEqual([0, 1])
  ends[1]?.()
  ends[1]?.()
  await settle()
  expect(begun).toEqual([0, 1, 2])
  for (const member of [0, 2]) ends[member]?.()
  await settle()
  expect(begun).toEqual([0, 1, 2, 3, 4])
  for (const member of [3, 4]) ends[member]?.()
  expect(clock.running.size).toBe(0)
})

test('nobody who never ends holds the others', async () => {
  const { begun, settle, clock, all } = start(9, 2)
  for (let round = 0; round < 4; round++) {
    await settle()
    clock.fire()
  }
  await Promise.all(all)
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
})
