import { availableParallelism } from 'node:os'
import { createThreadPool } from '@zerog/kernels/threads'
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

const THREADS_MAX = 4

/** Checks and restores on threads, so that whoever waits goes on answering. Bytes in a SharedArrayBuffer are not copied. */
export function createRowPool(options: { readonly threads?: number } = {}): RowPool {
  const threads = options.threads ?? Math.min(THREADS_MAX, availableParallelism())
  const spent = { check: 0, restore: 0 }
  const pool = createThreadPool<RowJob, RowResult>({
    workerUrl: new URL('./row-worker.ts', import.meta.url),
    threads,
    queue: {
      max: ROW_JOBS_WAITING_MAX,
      full: () =>
        new ZerogError('QUEUE_FULL', { message: 'too many rows wait for a thread; try again in a second', retryAfterMs: 1000 }),
    },
    errors: {
      closed: shuttingDown,
      lost: (cause) => new Error('a row thread died', { cause }),
    },
  })
  const run = async (job: RowJob): Promise<void> => {
    const { refusal, seconds } = await pool.run(() => job)
    spent[job.kind] += seconds
    if (refusal !== undefined) throw new ZerogError(refusal.reason, refusal)
  }

  return {
    check: (context, { indexes, bytes }) => run({ kind: 'check', context: plainContext(context), indexes, bytes }),
    restore: ({ k, n, rowBytes, data, present, parity }) => run({ kind: 'restore', k, n, rowBytes, data, present, parity }),
    seconds: () => ({ ...spent }),
    close: () => pool.close(),
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
