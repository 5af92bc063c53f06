import type { Endpoint } from '@zerog/ports'
import { WorkerServiceDefinition } from '@zerog/proto/compute'
import type { Worker } from '../../../app/worker/worker.ts'
import { WORKER_CALLERS } from './callers.ts'
import { decodeInput } from './codec.ts'

const method = WorkerServiceDefinition.methods.countTokens

export function countTokens(worker: Worker): Endpoint<typeof method> {
  return {
    method,
    allow: WORKER_CALLERS,
    handle: async ({ model, input }) => worker.countTokens(model, decodeInput(input)),
  }
}
