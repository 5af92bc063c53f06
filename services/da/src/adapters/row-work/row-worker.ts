import { parentPort } from 'node:worker_threads'
import { createKernelEngine } from '@zerog/erasure/engines'
import { ZerogError } from '@zerog/primitives'
import { createRowCheck } from '../../core/row-check.ts'
import type { RowJob, RowResult } from './row-pool.ts'

const check = createRowCheck()
/** Made when the first bundle is restored. */
let engine: ReturnType<typeof createKernelEngine> | undefined

/** Works on rows where they lie: their memory is shared, not copied. */
parentPort?.on('message', (job: RowJob) => {
  const startedMs = performance.now()
  const refusal = refusalOf(() => run(job))
  const result: RowResult = { refusal, seconds: (performance.now() - startedMs) / 1000 }
  parentPort?.postMessage(result)
})

function run(job: RowJob): void {
  if (job.kind === 'check') return check(job.context, { indexes: job.indexes, bytes: job.bytes })
  engine ??= createKernelEngine()
  engine.restore(job.data, job.present, job.parity, { k: job.k, n: job.n, rowBytes: job.rowBytes })
}

function refusalOf(work: () => void): RowResult['refusal'] {
  try {
    work()
    return undefined
  } catch (error) {
    if (!(error instanceof ZerogError)) throw error // our bug: the thread dies and its job is rejected
    return { reason: error.reason, message: error.message, metadata: error.metadata }
  }
}
