import type { Clock, Logger, Meter } from '@zerog/ports'
import type { ChainBackend } from '../../app/chain-backend.ts'
import { createConnection, type JsonRpcConnection } from './connection.ts'
import { createDispatcher } from './dispatcher.ts'
import { createFilters } from './filters.ts'
import { DEFAULT_LIMITS, type JsonRpcLimits } from './limits.ts'
import { createLookup } from './methods/registry.ts'

/** The Ethereum JSON-RPC of one node, as bytes. HTTP and WebSocket belong to the gateway. */
export type JsonRpc = {
  /**
   * One HTTP body, a request or a batch. Never throws: every failure is a JSON-RPC error. The answer is empty when the body
   * held notifications only. `height` is not below any block that the answer shows.
   */
  execute(
    body: Uint8Array,
    options: { readonly signal: AbortSignal },
  ): Promise<{ readonly body: Buffer; readonly height: bigint }>
  /** One WebSocket connection. */
  connect(): JsonRpcConnection
  /** Polling filters and subscriptions alive. */
  readonly listenerCount: number
  /** Closes all connections and forgets all filters. */
  close(): void
}

export type JsonRpcOptions = {
  readonly limits?: Partial<JsonRpcLimits>
  /** Answer of `web3_clientVersion`. */
  readonly clientVersion?: string
}

export type JsonRpcDeps = {
  readonly backend: ChainBackend
  readonly clock: Clock
  readonly logger: Logger
  readonly meter: Meter
}

/** The JSON-RPC methods over a backend: a validator's or a replica's. */
export function createJsonRpc(options: JsonRpcOptions, deps: JsonRpcDeps): JsonRpc {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const filters = createFilters(limits, deps)
  const clientVersion = options.clientVersion ?? `zerog/v0.1.0/${process.platform}-${process.arch}/node${process.versions.node}`
  const lookup = createLookup({ limits, clientVersion }, deps)
  const dispatcher = createDispatcher(limits, { ...deps, filters, lookup })
  const connections = new Set<JsonRpcConnection>()
  const subscriptionCount = () => [...connections].reduce((sum, connection) => sum + connection.subscriptionCount, 0)
  deps.meter.gauge({ name: 'zerog_chain_rpc_filters', help: 'Polling filters alive.', read: () => filters.size })
  deps.meter.gauge({
    name: 'zerog_chain_rpc_subscriptions',
    help: 'Subscriptions of all WebSocket connections.',
    read: subscriptionCount,
  })

  return {
    async execute(body, { signal }) {
      const { text, height } = await dispatcher.run(body, { signal, subscriptions: undefined })
      return { body: Buffer.from(text), height }
    },
    connect() {
      const connection = createConnection(limits, { dispatcher })
      const tracked: JsonRpcConnection = {
        ...connection,
        get subscriptionCount() {
          return connection.subscriptionCount
        },
        close() {
          connections.delete(tracked)
          connection.close()
        },
      }
      connections.add(tracked)
      return tracked
    },
    get listenerCount() {
      return filters.size + subscriptionCount()
    },
    close() {
      for (const connection of connections) connection.close()
      filters.close()
    },
  }
}
