import type { Endpoint } from '@zerog/ports'
import { WorkerServiceDefinition } from '@zerog/proto/compute'
import type { Worker } from '../../../app/worker/worker.ts'
import { LIMITS } from '../../../limits.ts'
import { WORKER_CALLERS } from './callers.ts'
import { accountOf, encodeUsage, invalid } from './codec.ts'

const method = WorkerServiceDefinition.methods.embed

export function embed(worker: Worker): Endpoint<typeof method> {
  return {
    method,
    allow: WORKER_CALLERS,
    async handle({ model, inputs, account }, { signal }) {
      if (inputs.length === 0 || inputs.length > LIMITS.worker.embedInputsMax) {
        throw invalid('inputs', `1 to ${LIMITS.worker.embedInputsMax} texts`)
      }
      const { vectors, usage } = await worker.embed({ model, inputs, account: accountOf(account) }, signal)
      return { embeddings: vectors.map((values) => ({ values: [...values] })), usage: encodeUsage(usage) }
    },
  }
}
