import { type Chain, defineChain } from 'viem'

/** Where a network is reached. Every face has its own URL because 0G's clients post JSON-RPC to a base URL. */
export type Endpoints = {
  readonly rpcUrl: string
  /** JSON-RPC of a storage node (`zgs_*`). */
  readonly nodeUrl: string
  /** JSON-RPC and REST of the indexer. */
  readonly indexerUrl: string
  /** The gateway itself; its REST faces (data availability, compute) are below it. Without it they are unknown. */
  readonly gatewayUrl?: string
}

export type Network = { readonly name: string; readonly chainId: number; readonly endpoints: Endpoints }

/** All faces below one gateway URL, as every zerog gateway serves them. */
export function gatewayEndpoints(gatewayUrl: string): Endpoints {
  const base = gatewayUrl.replace(/\/+$/, '')
  return { gatewayUrl: base, rpcUrl: base, nodeUrl: `${base}/storage`, indexerUrl: `${base}/indexer` }
}

/** Networks by name. An installation of your own is passed as `endpoints`. */
export const NETWORKS: Readonly<Record<string, Network>> = {
  devnet: { name: 'devnet', chainId: 31337, endpoints: gatewayEndpoints('http://127.0.0.1:8545') },
}

/** A viem chain object for a zerog network, e.g. for `createPublicClient({chain, transport})`. */
export function zerogChain(options: { readonly chainId: number; readonly rpcUrl: string; readonly name?: string }): Chain {
  return defineChain({
    id: options.chainId,
    name: options.name ?? (options.chainId === 31337 ? 'zerog devnet' : `zerog ${options.chainId}`),
    nativeCurrency: { name: '0G', symbol: '0G', decimals: 18 },
    rpcUrls: { default: { http: [options.rpcUrl] } },
  })
}
