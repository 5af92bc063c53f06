import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { type Reason, ZerogError } from '@zerog/primitives'
import type { Restoration, RowChecker, RowRestorer } from '../../app/row-checker.ts'
import type { CodeContext, PackedRows } from '../../core/row-check.ts'
import { ROW_JOBS_WAITING_MAX } from '../../limits.ts'

export type RowJob =
  | ({ readonly kind: 'check'; readonly context: CodeContext } & PackedRows)
  | ({ readonly kind: 'restore' } & Restoration)
export type RowResult = {
  readonly refusal:
    | { readonly reason: Reason; readonly message: string; readonly metadata: Readonly<Record<string, string>> }
    | undefined
  readonly seconds: number
}

export type RowPool = RowChecker &
  RowRestorer & {
    /** Seconds that threads worked, since the start. */
    seconds(): { readonly check: number; readonly restore: number }
    close(): Promise<void>
  }

type Task = { readonly job: RowJob; readonly resolve: () => void; readonly reject: (error: unknown) => void }

/** A place for a worker; it starts with its first task, and again after a crash. */
type Seat = { worker: Worker | undefined; task: Task | undefined }

const THREADS_MAX = 4

/** Checks and restores on threads, so that whoever waits goes on answering. Bytes in a SharedArrayBuffer are not copied. */
export function createRowPool(options: { readonly threads?: number } = {}): RowPool {
  const threads = options.threads ?? Math.min(THREADS_MAX, availableParallelism())
  const seats: Seat[] = Array.from({ length: threads }, () => ({ worker: undefined, task: undefined }))
  const waiting: Task[] = []
  const spent = { check: 0, restore: 0 }
  let closed = false

  const settle = (seat: Seat, outcome: (task: Task) => void): void => {
    const { task, worker } = seat
    seat.task = undefined
    worker?.unref()
    if (task !== undefined) outcome(task)
    dispatch()
  }
  const startWorker = (seat: Seat): Worker => {
    const worker = new Worker(new URL('./row-worker.ts', import.meta.url))
    worker.on('message', ({ refusal, seconds }: RowResult) => {
      if (seat.task !== undefined) spent[seat.task.job.kind] += seconds
      settle(seat, (task) => (refusal === undefined ? task.resolve() : task.reject(new ZerogError(refusal.reason, refusal))))
    })
    // An 'exit' always follows an 'error'; whichever comes first frees the seat.
    const lost = (cause: unknown): void => {
      if (seat.worker !== worker) return
      seat.worker = undefined
      settle(seat, (task) => task.reject(closed ? shuttingDown() : new Error('a row thread died', { cause })))
    }
    worker.on('error', lost)
    worker.on('exit', (code) => lost(new Error(`exit code ${code}`)))
    return worker
  }
  const dispatch = (): void => {
    if (closed) return
    for (const seat of seats) {
      if (seat.task !== undefined) continue
      const task = waiting.shift()
      if (task === undefined) return
      seat.task = task
      seat.worker ??= startWorker(seat)
      seat.worker.ref()
      seat.worker.postMessage(task.job)
    }
  }
  const run = (job: RowJob): Promise<void> => {
    if (closed) return Promise.reject(shuttingDown())
    if (waiting.length >= ROW_JOBS_WAITING_MAX) {
      return Promise.reject(
        new ZerogError('QUEUE_FULL', { message: 'too many rows wait for a thread; try again in a second', retryAfterMs: 1000 }),
      )
    }
    return new Promise((resolve, reject) => {
      waiting.push({ job, resolve, reject })
      dispatch()
    })
  }

  return {
    check: (context, { indexes, bytes }) => run({ kind: 'check', context: plainContext(context), indexes, bytes }),
    restore: ({ k, n, rowBytes, data, present, parity }) => run({ kind: 'restore', k, n, rowBytes, data, present, parity }),
    seconds: () => ({ ...spent }),
    async close() {
      closed = true
      for (const task of waiting.splice(0)) task.reject(shuttingDown())
      await Promise.all(seats.map((seat) => seat.worker?.terminate()))
    },
  }
}

/** Only what a check needs: a message is copied, and a Buffer of a pool would take the whole pool along. */
function plainContext({ commitment, k, n, rowBytes, rowRoot, rlc }: CodeContext): CodeContext {
  return { commitment: plain(commitment), k, n, rowBytes, rowRoot: plain(rowRoot), rlc: plain(rlc) }
}

function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

function shuttingDown(): ZerogError {
  return new ZerogError('SHUTTING_DOWN', { message: 'this service is shutting down; ask another one' })
}

/** One pool per process, also where several targets share it: its threads are as many as there are cores. */
let shared: RowPool | undefined
let users = 0

/** The pool of this process; the last user to close ends the threads. */
export function openRowPool(): RowPool {
  shared ??= createRowPool()
  const pool = shared
  users++
  let open = true
  return {
    ...pool,
    async close() {
      if (!open) return
      open = false
      if (--users > 0) return
      shared = undefined
      await pool.close()
    },
  }
}
