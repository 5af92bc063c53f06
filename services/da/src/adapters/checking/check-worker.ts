import { parentPort } from 'node:worker_threads'
import { ZerogError } from '@zerog/primitives'
import { createRowCheck } from '../../core/row-check.ts'
import type { CheckJob, CheckResult } from './check-pool.ts'

const check = createRowCheck()

/** Checks the rows of a job where they lie: its buffer is shared, not copied. */
parentPort?.on('message', ({ context, indexes, bytes }: CheckJob) => {
  const startedMs = performance.now()
  const result = (refusal: CheckResult['refusal']): CheckResult => ({ refusal, seconds: (performance.now() - startedMs) / 1000 })
  parentPort?.postMessage(attempt(() => check(context, { indexes, bytes }), result))
})

function attempt(work: () => void, result: (refusal: CheckResult['refusal']) => CheckResult): CheckResult {
  try {
    work()
    return result(undefined)
  } catch (error) {
    if (!(error instanceof ZerogError)) throw error // our bug: the worker dies and its job is rejected
    return result({ reason: error.reason, message: error.message, metadata: error.metadata })
  }
}
