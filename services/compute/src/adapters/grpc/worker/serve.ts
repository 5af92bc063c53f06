import type { Rpc } from '@zerog/ports'
import { WorkerServiceDefinition } from '@zerog/proto/compute'
import type { Worker } from '../../../app/worker/worker.ts'
import { countTokens } from './count-tokens.ts'
import { embed } from './embed.ts'
import { generate } from './generate.ts'
import { listModels } from './list-models.ts'

export function serveWorker(rpc: Rpc, worker: Worker): void {
  rpc.serve(WorkerServiceDefinition, {
    listModels: listModels(worker),
    generate: generate(worker),
    embed: embed(worker),
    countTokens: countTokens(worker),
  })
}
