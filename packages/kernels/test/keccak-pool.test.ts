import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, it } from '@jest/globals'
import { subtreeRoot } from '../src/index.ts'
import { createKeccakPool, type KeccakPool, type KeccakPoolOptions } from '../src/keccak-pool.ts'
import { JOB_SEGMENTS_MAX, JOBS_WAITING_MAX, SEGMENT_BYTES } from '../src/limits.ts'

const pools: KeccakPool[] = []
const newPool = (options?: KeccakPoolOptions): KeccakPool => {
  const pool = createKeccakPool(options)
  pools.push(pool)
  return pool
}
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()))
})

const segments = (count: number, seed = 0): Uint8Array => {
  const data = new Uint8Array(count * SEGMENT_BYTES)
  for (let index = 0; index < data.length; index += 7) data[index] = (index >> 10) + seed
  return data
}
const expected = (data: Uint8Array): Uint8Array => {
  const roots = new Uint8Array((data.length / SEGMENT_BYTES) * 32)
  for (let index = 0; index * SEGMENT_BYTES < data.length; index++) {
    roots.set(subtreeRoot(data.subarray(index * SEGMENT_BYTES, (index + 1) * SEGMENT_BYTES), 10), index * 32)
  }
  return roots
}

describe('the pool', () => {
  it('gives the roots in order, for any number of segments', async () => {
    const pool = newPool({ threads: 2 })
    for (const count of [0, 1, JOB_SEGMENTS_MAX, JOB_SEGMENTS_MAX + 1, 3 * JOB_SEGMENTS_MAX + 5]) {
      const data = segments(count)
      expect(await pool.segmentRoots(data)).toEqual(expected(data))
    }
  })

  it('serves many callers at once', async () => {
    const pool = newPool({ threads: 2 })
    const inputs = Array.from({ length: 12 }, (_, seed) => segments(1 + (seed % 3), seed))
    expect(await Promise.all(inputs.map((data) => pool.segmentRoots(data)))).toEqual(inputs.map(expected))
  })

  it("leaves the caller's bytes alone", async () => {
    const data = segments(2)
    const copy = data.slice()
    await newPool({ threads: 1 }).segmentRoots(data)
    expect(data).toEqual(copy)
  })

  it('refuses parts of segments, and more jobs than may wait', async () => {
    const pool = newPool({ threads: 1 })
    await expect(pool.segmentRoots(new Uint8Array(SEGMENT_BYTES + 1))).rejects.toThrow(RangeError)
    // Views of one buffer: the limit counts jobs, not memory.
    const huge = { length: (JOBS_WAITING_MAX + 1) * JOB_SEGMENTS_MAX * SEGMENT_BYTES, subarray: () => new Uint8Array(0) }
    await expect(pool.segmentRoots(huge as unknown as Uint8Array)).rejects.toThrow(/hashing jobs wait/)
  })

  it('drops what waits when its caller gives up, and goes on', async () => {
    const pool = newPool({ threads: 1 })
    const abort = new AbortController()
    const first = pool.segmentRoots(segments(1))
    const given = pool.segmentRoots(segments(1), { signal: abort.signal })
    abort.abort(new Error('given up'))
    await expect(given).rejects.toThrow('given up')
    expect(await first).toEqual(expected(segments(1)))
    await expect(pool.segmentRoots(segments(1), { signal: abort.signal })).rejects.toThrow('given up')
    expect(await pool.segmentRoots(segments(1))).toEqual(expected(segments(1)))
  })

  it('rejects after close, also what waited', async () => {
    const pool = newPool({ threads: 1 })
    const running = pool.segmentRoots(segments(4 * JOB_SEGMENTS_MAX))
    const settled = expect(running).rejects.toThrow(/closed|died/)
    await pool.close()
    await settled
    await expect(pool.segmentRoots(segments(1))).rejects.toThrow('closed')
  })

  it('reports a worker that dies with its cause, and starts another', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'zerog-pool-'))
    try {
      const file = join(folder, 'worker.mjs')
      writeFileSync(
        file,
        'import { parentPort } from "node:worker_threads"; parentPort.on("message", () => { throw new Error("boom") })',
      )
      const pool = newPool({ threads: 1, workerUrl: pathToFileURL(file) })
      await expect(pool.segmentRoots(segments(1))).rejects.toMatchObject({ cause: { message: 'boom' } })
      await expect(pool.segmentRoots(segments(1))).rejects.toMatchObject({ cause: { message: 'boom' } })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
