import type { Endpoint } from '@zerog/ports'
import { JsonRpcServiceDefinition } from '@zerog/proto/chain'
import type { ChainBackend } from '../../app/chain-backend.ts'
import type { JsonRpc } from '../json-rpc/json-rpc.ts'
import { JSON_RPC_CALLERS } from './callers.ts'
import { waitForMinHeight } from './min-height.ts'

type Execute = typeof JsonRpcServiceDefinition.methods.execute

/** A gRPC message stays far below the transport's limit. */
const CHUNK_BYTES_MAX = 1024 * 1024

/** One HTTP body of the Ethereum JSON-RPC. Faults of the body are JSON-RPC errors; only a replica that is behind is an RPC error. */
export function executeEndpoint(deps: { readonly jsonRpc: JsonRpc; readonly backend: ChainBackend }): Endpoint<Execute> {
  return {
    method: JsonRpcServiceDefinition.methods.execute,
    allow: JSON_RPC_CALLERS,
    async *handle({ body, minHeight }, { signal }) {
      await waitForMinHeight(deps.backend, { minHeight, signal })
      const answer = await deps.jsonRpc.execute(body, { signal })
      // An answer without bytes (only notifications) still has its height.
      yield { chunk: answer.body.subarray(0, CHUNK_BYTES_MAX), height: answer.height }
      for (let at = CHUNK_BYTES_MAX; at < answer.body.length; at += CHUNK_BYTES_MAX) {
        yield { chunk: answer.body.subarray(at, at + CHUNK_BYTES_MAX), height: 0n }
      }
    },
  }
}
