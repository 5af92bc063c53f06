import { type Transferable, Worker } from 'node:worker_threads'

/** A fixed number of threads that run one job each; idle ones do not keep the process alive. */
export type ThreadPool<Job, Result> = {
  /** Jobs that no thread has begun. */
  readonly waiting: number
  /** Whether `jobs` more may wait; a caller that cuts its work into several asks before the first. */
  hasRoom(jobs: number): boolean
  /**
   * The worker's answer to `job`, which is made when a thread is free for it.
   * @throws what the options say when the pool is closed, too many wait or the thread died (its next job gets a new one); the signal's reason
   */
  run(job: () => Job, options?: { readonly signal?: AbortSignal | undefined }): Promise<Result>
  /** Ends the threads; what waits or runs is rejected. */
  close(): Promise<void>
}

export type ThreadPoolOptions<Job> = {
  /** A module that answers each message of its parent with one message. */
  readonly workerUrl: URL
  readonly threads: number
  /** Absent: the caller bounds what waits. */
  readonly queue?: { readonly max: number; readonly full: () => Error }
  /** Memory that moves to the thread instead of being copied. */
  readonly transfer?: (job: Job) => Transferable[]
  readonly errors: {
    readonly closed: () => Error
    readonly lost: (cause: unknown) => Error
  }
}

type Task<Job, Result> = {
  readonly job: () => Job
  readonly signal: AbortSignal | undefined
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/** A place for a thread, which starts with its first job, and again after a crash. */
type Seat<Job, Result> = { worker: Worker | undefined; task: Task<Job, Result> | undefined }

export function createThreadPool<Job, Result>(options: ThreadPoolOptions<Job>): ThreadPool<Job, Result> {
  const { workerUrl, threads, queue, transfer, errors } = options
  const seats: Seat<Job, Result>[] = Array.from({ length: threads }, () => ({ worker: undefined, task: undefined }))
  const waiting: Task<Job, Result>[] = []
  let closed = false

  const settle = (seat: Seat<Job, Result>, outcome: (task: Task<Job, Result>) => void): void => {
    const { task, worker } = seat
    seat.task = undefined
    worker?.unref()
    if (task !== undefined) outcome(task)
    dispatch()
  }

  const startWorker = (seat: Seat<Job, Result>): Worker => {
    const worker = new Worker(workerUrl)
    worker.on('message', (result: Result) => settle(seat, (task) => task.resolve(result)))
    // An 'exit' always follows an 'error'; whichever comes first frees the seat.
    const lost = (cause: unknown): void => {
      if (seat.worker !== worker) return
      seat.worker = undefined
      settle(seat, (task) => task.reject(closed ? errors.closed() : errors.lost(cause)))
    }
    worker.on('error', lost)
    worker.on('exit', (code) => lost(new Error(`exit code ${code}`)))
    return worker
  }

  const dispatch = (): void => {
    if (closed) return
    for (const seat of seats) {
      if (seat.task !== undefined) continue
      const task = nextTask(waiting)
      if (task === undefined) return
      seat.task = task
      seat.worker ??= startWorker(seat)
      seat.worker.ref()
      try {
        const job = task.job()
        seat.worker.postMessage(job, transfer?.(job))
      } catch (error) {
        settle(seat, () => task.reject(error))
      }
    }
  }

  return {
    get waiting() {
      return waiting.length
    },
    hasRoom: (jobs) => queue === undefined || waiting.length + jobs <= queue.max,
    async run(job, { signal } = {}) {
      if (closed) throw errors.closed()
      signal?.throwIfAborted()
      if (queue !== undefined && waiting.length >= queue.max) throw queue.full()
      return await new Promise<Result>((resolve, reject) => {
        waiting.push({ job, signal, resolve, reject })
        dispatch()
      })
    },
    async close() {
      closed = true
      for (const task of waiting.splice(0)) task.reject(errors.closed())
      await Promise.all(seats.map((seat) => seat.worker?.terminate()))
    },
  }
}

/** The first task whose caller still waits; the others are told why they are dropped. */
function nextTask<Job, Result>(waiting: Task<Job, Result>[]): Task<Job, Result> | undefined {
  for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
    if (task.signal?.aborted !== true) return task
    task.reject(task.signal.reason)
  }
  return undefined
}
