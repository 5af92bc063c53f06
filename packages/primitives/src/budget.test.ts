import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { budget } from './budget.ts'

describe('a budget', () => {
  test('is never exceeded, serves in order and gives everything back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 150 }), { maxLength: 60 }), async (amounts) => {
        const shared = budget({ max: 100, queueMax: 1000 })
        const served: number[] = []
        let held = 0
        await Promise.all(
          amounts.map(async (amount, index) => {
            const release = await shared.take(amount)
            served.push(index)
            held += amount
            // One that is larger than the budget goes alone.
            expect(held <= 100 || held === amount).toBe(true)
            await Promise.resolve()
            held -= amount
            release()
            release()
          }),
        )
        expect(served).toEqual(amounts.map((_, index) => index))
        expect([shared.used(), shared.waiting()]).toEqual([0, 0])
      }),
    )
  })

  test('refuses when too many wait, and lets go of who gives up', async () => {
    const shared = budget({ max: 1, queueMax: 1 })
    const release = await shared.take(1)
    const gone = new AbortController()
    const waiting = shared.take(1, gone.signal)
    await expect(shared.take(1)).rejects.toMatchObject({ reason: 'QUEUE_FULL', retryAfterMs: 1000 })
    gone.abort(new Error('went away'))
    await expect(waiting).rejects.toThrow('went away')
    expect(shared.waiting()).toBe(0)
    await expect(shared.take(1, gone.signal)).rejects.toThrow('went away')
    const next = shared.take(1)
    release()
    ;(await next)()
    expect(shared.used()).toBe(0)
  })
})
