import { availableParallelism } from 'node:os'
import { JOB_SEGMENTS_MAX, JOBS_WAITING_MAX, SEGMENT_BYTES } from './limits.ts'
import { createThreadPool } from './thread-pool.ts'

/** Hashes segments on several threads. Idle workers do not keep the process alive. */
export type KeccakPool = {
  /** Segments worth handing over at once to keep every thread busy. */
  readonly segmentsAtOnce: number
  /**
   * Roots of full segments, 32 bytes each, in order. `data` is a whole number of 262,144-byte segments and must not change
   * before the promise settles.
   * @throws RangeError on any other length; Error if the pool is closed, too many jobs wait or a worker died (its next job gets a new one)
   */
  segmentRoots(data: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<Uint8Array>
  /** Ends the workers; what waits is rejected. */
  close(): Promise<void>
}

export type KeccakPoolOptions = {
  /** Default: one per core. */
  readonly threads?: number
  /** Where the worker's code lies, for bundlers that move it. */
  readonly workerUrl?: URL
}

export type SegmentJob = { readonly buffer: ArrayBuffer; readonly segmentCount: number }
export type SegmentResult = { readonly buffer: ArrayBuffer; readonly roots: Uint8Array<ArrayBuffer> }

export function createKeccakPool(options: KeccakPoolOptions = {}): KeccakPool {
  const threads = options.threads ?? availableParallelism()
  // The same suffix as this file: .ts from source, .js from a build.
  const suffix = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const workerUrl = options.workerUrl ?? new URL(`./keccak-worker${suffix}`, import.meta.url)
  const pool = createThreadPool<SegmentJob, SegmentResult>({
    workerUrl,
    threads,
    queue: { max: JOBS_WAITING_MAX, full: tooMany },
    transfer: ({ buffer }) => [buffer],
    errors: {
      closed: () => new Error('the hashing pool is closed'),
      lost: (cause) => new Error('a hashing worker died', { cause }),
    },
  })
  /** Come back with the answers; never more than threads, because a job takes one when it begins. */
  const buffers: ArrayBuffer[] = []

  const hash = async (data: Uint8Array, signal: AbortSignal | undefined): Promise<Uint8Array> => {
    const job = (): SegmentJob => {
      const buffer = buffers.pop() ?? new ArrayBuffer(JOB_SEGMENTS_MAX * SEGMENT_BYTES)
      new Uint8Array(buffer).set(data)
      return { buffer, segmentCount: data.length / SEGMENT_BYTES }
    }
    const { buffer, roots } = await pool.run(job, { signal })
    buffers.push(buffer)
    return roots
  }

  return {
    segmentsAtOnce: 2 * threads * JOB_SEGMENTS_MAX,
    async segmentRoots(data, { signal } = {}) {
      if (data.length % SEGMENT_BYTES !== 0)
        throw new RangeError(`${data.length} bytes are not whole segments of ${SEGMENT_BYTES}`)
      const jobBytes = JOB_SEGMENTS_MAX * SEGMENT_BYTES
      const jobCount = Math.ceil(data.length / jobBytes)
      if (!pool.hasRoom(jobCount)) throw tooMany()
      const parts = Array.from({ length: jobCount }, (_, job) =>
        hash(data.subarray(job * jobBytes, (job + 1) * jobBytes), signal),
      )
      const roots = new Uint8Array((data.length / SEGMENT_BYTES) * 32)
      for (const [job, part] of (await Promise.all(parts)).entries()) roots.set(part, job * JOB_SEGMENTS_MAX * 32)
      return roots
    },
    close: () => pool.close(),
  }
}

function tooMany(): Error {
  return new Error(`more than ${JOBS_WAITING_MAX} hashing jobs wait`)
}
