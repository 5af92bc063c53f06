import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { EventQueue, type SimEvent } from './event-queue.ts'

const event = (timeUs: number, tie: number, sequence: number): SimEvent => ({
  timeUs,
  tie,
  sequence,
  owner: undefined,
  kind: 'test',
  detail: '',
  run: () => {},
  cancelled: false,
})

test('events come out by time, then by tie, then by sequence, whatever the order of pushes and pops', () => {
  const small = fc.integer({ min: 0, max: 5 })
  fc.assert(
    fc.property(fc.array(fc.option(fc.tuple(small, small)), { maxLength: 200 }), (steps) => {
      const queue = new EventQueue()
      const model: SimEvent[] = []
      const order = (a: SimEvent, b: SimEvent) => a.timeUs - b.timeUs || a.tie - b.tie || a.sequence - b.sequence
      for (const [sequence, step] of steps.entries()) {
        if (step === null) expect(queue.pop()).toBe(model.sort(order).shift())
        else {
          const pushed = event(...step, sequence)
          queue.push(pushed)
          model.push(pushed)
        }
        expect(queue.size).toBe(model.length)
      }
    }),
  )
})
