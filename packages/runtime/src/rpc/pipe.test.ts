import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createPipe } from './pipe.ts'

const sizeOf = (size: number) => size
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('a pipe', () => {
  test('delivers everything in order and never holds more than its window and one item, whatever the pace of both ends', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 })
    const scheduled = fc.asyncProperty(
      sizes,
      fc.scheduler(),
      fc.integer({ min: 1, max: 100 }),
      async (items, scheduler, bytes) => {
        const pipe = createPipe({ bytes, items: 8, sizeOf })
        let held = 0
        let heldMost = 0
        const got: number[] = []
        const writing = (async () => {
          for (const item of items) {
            await scheduler.schedule(Promise.resolve())
            held += item
            heldMost = Math.max(heldMost, held)
            if (!(await pipe.write(item))) break
          }
          pipe.end()
        })()
        const reading = (async () => {
          for await (const item of pipe.readable) {
            held -= item
            got.push(item)
            await scheduler.schedule(Promise.resolve())
          }
        })()
        await scheduler.waitFor(Promise.all([writing, reading]))
        expect(got).toEqual(items)
        // 40: the item that closed the window; 40: one on its way between writer and reader.
        expect(heldMost).toBeLessThan(bytes + 80)
      },
    )
    await fc.assert(scheduled, { numRuns: 200 })
  })

  test('tells the writer that the reader is gone', async () => {
    const pipe = createPipe({ bytes: 10, items: 10, sizeOf })
    void pipe.write(20)
    for await (const _ of pipe.readable) break
    expect(await pipe.write(1)).toBe(false)
  })

  test('fails after what is inside, aborts before it', async () => {
    const read = async (how: 'fail' | 'abort') => {
      const pipe = createPipe({ bytes: 10, items: 10, sizeOf })
      void pipe.write(1)
      pipe[how](new Error('broken'))
      const got: number[] = []
      try {
        for await (const item of pipe.readable) got.push(item)
      } catch (error) {
        return [...got, (error as Error).message]
      }
      return got
    }
    expect(await read('fail')).toEqual([1, 'broken'])
    expect(await read('abort')).toEqual(['broken'])
  })

  test('wakes a writer that waits when it is aborted', async () => {
    const pipe = createPipe({ bytes: 1, items: 1, sizeOf })
    const blocked = pipe.write(5)
    await turn()
    pipe.abort(new Error('gone'))
    expect(await blocked).toBe(false)
  })
})
