import type { Endpoint } from '@zerog/ports'
import { WorkerServiceDefinition } from '@zerog/proto/compute'
import type { Worker } from '../../../app/worker/worker.ts'
import { WORKER_CALLERS } from './callers.ts'
import { decodeGenerate, encodeEvent } from './codec.ts'

const method = WorkerServiceDefinition.methods.generate

export function generate(worker: Worker): Endpoint<typeof method> {
  return {
    method,
    allow: WORKER_CALLERS,
    async *handle(request, { signal }) {
      for await (const event of worker.generate(decodeGenerate(request), signal)) yield encodeEvent(event)
    },
  }
}
