import type { Endpoint } from '@zerog/ports'
import { WorkerServiceDefinition } from '@zerog/proto/compute'
import type { Worker } from '../../../app/worker/worker.ts'
import { WORKER_CALLERS } from './callers.ts'
import { encodeModel } from './codec.ts'

const method = WorkerServiceDefinition.methods.listModels

export function listModels(worker: Worker): Endpoint<typeof method> {
  return {
    method,
    allow: WORKER_CALLERS,
    handle: async () => ({ models: worker.models().map(encodeModel) }),
  }
}
