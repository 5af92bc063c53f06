import type { Endpoint } from '@zerog/ports'
import { type ConnectRequest, JsonRpcServiceDefinition } from '@zerog/proto/chain'
import type { ChainBackend } from '../../app/chain-backend.ts'
import type { JsonRpcConnection } from '../json-rpc/connection.ts'
import type { JsonRpc } from '../json-rpc/json-rpc.ts'
import { waitForMinHeight } from './min-height.ts'

type Connect = typeof JsonRpcServiceDefinition.methods.connect

/**
 * One WebSocket connection of the Ethereum JSON-RPC. Ends when the client ends its side; fails with QUEUE_FULL when it does
 * not read, and with REPLICA_BEHIND when it has seen a height elsewhere that does not arrive here in time.
 */
export function connectEndpoint(deps: { readonly jsonRpc: JsonRpc; readonly backend: ChainBackend }): Endpoint<Connect> {
  return {
    method: JsonRpcServiceDefinition.methods.connect,
    allow: ['gateway', 'developer'],
    async *handle(requests, { signal }) {
      const connection = deps.jsonRpc.connect()
      let failure: { readonly error: unknown } | undefined
      const stop = () => connection.close()
      signal.addEventListener('abort', stop, { once: true })
      const receiving = receiveAll(requests, { connection, backend: deps.backend, signal })
        .catch((error: unknown) => {
          failure = { error }
        })
        .finally(stop)
      try {
        for await (const { frame, height } of connection.outgoing) yield { frame, height }
        if (signal.aborted) return
        await receiving
        if (failure !== undefined) throw failure.error
      } finally {
        signal.removeEventListener('abort', stop)
        connection.close()
      }
    },
  }
}

async function receiveAll(
  requests: AsyncIterable<ConnectRequest>,
  options: { readonly connection: JsonRpcConnection; readonly backend: ChainBackend; readonly signal: AbortSignal },
): Promise<void> {
  for await (const { frame, minHeight } of requests) {
    await waitForMinHeight(options.backend, { minHeight, signal: options.signal })
    await options.connection.receive(frame)
  }
}
