import { afterEach, describe, expect, it } from '@jest/globals'
import { createThreadPool, type ThreadPool } from '../src/thread-pool.ts'

type Pool = ThreadPool<unknown, unknown>
const pools: Pool[] = []
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()))
})

const newPool = (code: string, waitingMax = 10): Pool => {
  const pool = createThreadPool<unknown, unknown>({
    workerUrl: new URL(`data:text/javascript,${encodeURIComponent(`import { parentPort } from 'node:worker_threads'; ${code}`)}`),
    threads: 1,
    queue: { max: waitingMax, full: () => new Error('full') },
    errors: {
      closed: () => new Error('closed'),
      lost: (cause) => new Error('lost', { cause }),
    },
  })
  pools.push(pool)
  return pool
}
const ECHO = `parentPort.on('message', (message) => parentPort.postMessage(message))`

describe('a thread pool', () => {
  it('makes a job only when a thread is free for it', async () => {
    const pool = newPool(ECHO)
    const made: number[] = []
    const answers = [1, 2].map((job) => pool.run(() => made.push(job)))
    expect(made).toEqual([1])
    await Promise.all(answers)
    expect(made).toEqual([1, 2])
  })

  it('refuses what would wait beyond the bound, and what comes after close', async () => {
    const pool = newPool(ECHO, 1)
    const running = pool.run(() => 'first')
    const next = pool.run(() => 'second')
    expect(pool.hasRoom(1)).toBe(false)
    await expect(pool.run(() => 'third')).rejects.toThrow('full')
    expect(await Promise.all([running, next])).toEqual(['first', 'second'])
    await pool.close()
    await expect(pool.run(() => 'late')).rejects.toThrow('closed')
  })

  it('goes on after a job that cannot be made or sent', async () => {
    const pool = newPool(ECHO)
    await expect(
      pool.run(() => {
        throw new Error('no memory')
      }),
    ).rejects.toThrow('no memory')
    await expect(pool.run(() => () => 'a function is not cloned')).rejects.toThrow(/could not be cloned/)
    expect(await pool.run(() => 'after')).toBe('after')
  })

  it('says closed, not lost, to what ran when it was closed', async () => {
    const pool = newPool(`parentPort.on('message', () => {})`)
    const running = expect(pool.run(() => 'never answered')).rejects.toThrow('closed')
    await pool.close()
    await running
  })
})
