import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { type Reason, ZerogError } from '@zerog/primitives'
import type { RowChecker } from '../../app/row-checker.ts'
import type { CodeContext, PackedRows } from '../../core/row-check.ts'
import { CHECKS_WAITING_MAX } from '../../limits.ts'

export type CheckJob = { readonly context: CodeContext } & PackedRows
export type CheckResult = {
  readonly refusal:
    | { readonly reason: Reason; readonly message: string; readonly metadata: Readonly<Record<string, string>> }
    | undefined
  readonly seconds: number
}

export type CheckPool = RowChecker & {
  /** Seconds that threads spent checking, since the start. */
  seconds(): number
  close(): Promise<void>
}

type Task = { readonly job: CheckJob; readonly resolve: () => void; readonly reject: (error: unknown) => void }

/** A place for a worker; it starts with its first task, and again after a crash. */
type Seat = { worker: Worker | undefined; task: Task | undefined }

const WORKERS_MAX = 4

/** Checks on threads, so that a node goes on answering while it checks. Bytes in a SharedArrayBuffer are not copied. */
export function createCheckPool(options: { readonly threads?: number } = {}): CheckPool {
  const threads = options.threads ?? Math.min(WORKERS_MAX, availableParallelism())
  const seats: Seat[] = Array.from({ length: threads }, () => ({ worker: undefined, task: undefined }))
  const waiting: Task[] = []
  let secondsSpent = 0
  let closed = false

  const settle = (seat: Seat, outcome: (task: Task) => void): void => {
    const { task, worker } = seat
    seat.task = undefined
    worker?.unref()
    if (task !== undefined) outcome(task)
    dispatch()
  }
  const startWorker = (seat: Seat): Worker => {
    const worker = new Worker(new URL('./check-worker.ts', import.meta.url))
    worker.on('message', ({ refusal, seconds }: CheckResult) => {
      secondsSpent += seconds
      settle(seat, (task) => (refusal === undefined ? task.resolve() : task.reject(new ZerogError(refusal.reason, refusal))))
    })
    // An 'exit' always follows an 'error'; whichever comes first frees the seat.
    const lost = (cause: unknown): void => {
      if (seat.worker !== worker) return
      seat.worker = undefined
      settle(seat, (task) => task.reject(new Error('a checking thread died', { cause })))
    }
    worker.on('error', lost)
    worker.on('exit', (code) => lost(new Error(`exit code ${code}`)))
    return worker
  }
  const dispatch = (): void => {
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

  return {
    check(context, rows) {
      if (closed) return Promise.reject(new ZerogError('SHUTTING_DOWN', { message: 'this node is shutting down' }))
      if (waiting.length >= CHECKS_WAITING_MAX) {
        return Promise.reject(
          new ZerogError('QUEUE_FULL', {
            message: 'too many rows wait to be checked; try again in a second',
            retryAfterMs: 1000,
          }),
        )
      }
      return new Promise((resolve, reject) => {
        waiting.push({ job: { context, indexes: rows.indexes, bytes: rows.bytes }, resolve, reject })
        dispatch()
      })
    },
    seconds: () => secondsSpent,
    async close() {
      closed = true
      for (const task of waiting.splice(0))
        task.reject(new ZerogError('SHUTTING_DOWN', { message: 'this node is shutting down' }))
      await Promise.all(seats.map((seat) => seat.worker?.terminate()))
    },
  }
}

/** One pool per process, also where several targets share it: its threads are as many as there are cores. */
let shared: CheckPool | undefined
let users = 0

/** The pool of this process; the last user to close ends the threads. */
export function openCheckPool(): CheckPool {
  shared ??= createCheckPool()
  const pool = shared
  users++
  let open = true
  return {
    check: pool.check,
    seconds: pool.seconds,
    async close() {
      if (!open) return
      open = false
      if (--users > 0) return
      shared = undefined
      await pool.close()
    },
  }
}

/** Checks on the caller's thread: for tests and the simulator. */
export function checkInline(check: (context: CodeContext, rows: PackedRows) => void): RowChecker {
  return { check: async (context, rows) => check(context, rows) }
}
