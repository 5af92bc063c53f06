import type { Endpoint } from '@zerog/ports'
import { ReplicationServiceDefinition } from '@zerog/proto/chain'
import type { ChainBackend } from '../../app/chain-backend.ts'
import { answerPending } from '../../app/pending-protocol.ts'
import { REPLICAS } from './callers.ts'

type ExecutePending = typeof ReplicationServiceDefinition.methods.executePending

/** The pool for replicas: submits, pending nonces and content. */
export function executePendingEndpoint({ backend }: { readonly backend: ChainBackend }): Endpoint<ExecutePending> {
  return {
    method: ReplicationServiceDefinition.methods.executePending,
    allow: REPLICAS,
    handle: async ({ body }) => ({ body: Buffer.from(await answerPending(backend, body)) }),
  }
}
