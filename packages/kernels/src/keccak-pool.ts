import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { JOB_SEGMENTS_MAX, JOBS_WAITING_MAX, SEGMENT_BYTES } from './limits.ts'

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

type Task = {
  readonly data: Uint8Array
  readonly signal: AbortSignal | undefined
  readonly resolve: (roots: Uint8Array) => void
  readonly reject: (error: unknown) => void
}

/** A place for a worker; the worker starts with its first task, and again after a crash. */
type Seat = { worker: Worker | undefined; task: Task | undefined; buffer: ArrayBuffer | undefined }

export function createKeccakPool(options: KeccakPoolOptions = {}): KeccakPool {
  const threads = options.threads ?? availableParallelism()
  // The same suffix as this file: .ts from source, .js from a build.
  const suffix = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const workerUrl = options.workerUrl ?? new URL(`./keccak-worker${suffix}`, import.meta.url)
  const seats: Seat[] = Array.from({ length: threads }, () => ({ worker: undefined, task: undefined, buffer: undefined }))
  const waiting: Task[] = []
  let closed = false

  const settle = (seat: Seat, outcome: (task: Task) => void): void => {
    const { task, worker } = seat
    seat.task = undefined
    worker?.unref()
    if (task !== undefined) outcome(task)
    dispatch()
  }

  const startWorker = (seat: Seat): Worker => {
    const worker = new Worker(workerUrl)
    worker.on('message', ({ buffer, roots }: SegmentResult) => {
      seat.buffer = buffer
      settle(seat, (task) => task.resolve(roots))
    })
    // An 'exit' always follows an 'error'; whichever comes first frees the seat.
    const lost = (cause: unknown): void => {
      if (seat.worker !== worker) return
      seat.worker = undefined
      seat.buffer = undefined
      settle(seat, (task) => task.reject(new Error('a hashing worker died', { cause })))
    }
    worker.on('error', lost)
    worker.on('exit', (code) => lost(new Error(`exit code ${code}`)))
    return worker
  }

  const run = (seat: Seat, task: Task): void => {
    seat.task = task
    seat.worker ??= startWorker(seat)
    seat.worker.ref()
    const buffer = seat.buffer ?? new ArrayBuffer(JOB_SEGMENTS_MAX * SEGMENT_BYTES)
    seat.buffer = undefined
    new Uint8Array(buffer).set(task.data)
    const job: SegmentJob = { buffer, segmentCount: task.data.length / SEGMENT_BYTES }
    seat.worker.postMessage(job, [buffer])
  }

  const dispatch = (): void => {
    for (const seat of seats) {
      if (seat.task !== undefined) continue
      const task = nextTask(waiting)
      if (task === undefined) return
      run(seat, task)
    }
  }

  const enqueue = (data: Uint8Array, signal: AbortSignal | undefined): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      waiting.push({ data, signal, resolve, reject })
    })

  return {
    segmentsAtOnce: 2 * threads * JOB_SEGMENTS_MAX,
    async segmentRoots(data, { signal } = {}) {
      if (data.length % SEGMENT_BYTES !== 0)
        throw new RangeError(`${data.length} bytes are not whole segments of ${SEGMENT_BYTES}`)
      if (closed) throw new Error('the hashing pool is closed')
      signal?.throwIfAborted()
      const jobBytes = JOB_SEGMENTS_MAX * SEGMENT_BYTES
      const jobCount = Math.ceil(data.length / jobBytes)
      if (waiting.length + jobCount > JOBS_WAITING_MAX) throw new Error(`more than ${JOBS_WAITING_MAX} hashing jobs wait`)
      const parts = Array.from({ length: jobCount }, (_, job) =>
        enqueue(data.subarray(job * jobBytes, (job + 1) * jobBytes), signal),
      )
      dispatch()
      const roots = new Uint8Array((data.length / SEGMENT_BYTES) * 32)
      for (const [job, part] of (await Promise.all(parts)).entries()) roots.set(part, job * JOB_SEGMENTS_MAX * 32)
      return roots
    },
    async close() {
      closed = true
      for (const task of waiting.splice(0)) task.reject(new Error('the hashing pool is closed'))
      await Promise.all(seats.map((seat) => seat.worker?.terminate()))
    },
  }
}

/** The first task whose caller still waits; the others are told why they are dropped. */
function nextTask(waiting: Task[]): Task | undefined {
  for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
    if (task.signal?.aborted !== true) return task
    task.reject(task.signal.reason)
  }
  return undefined
}
