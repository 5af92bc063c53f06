import { ZerogError } from '@zerog/primitives'
import { type Account, type Client, createClient, custom, type EIP1193Provider, type WalletClient } from 'viem'
import { getChainId, getTransactionCount } from 'viem/actions'
import { createNonceQueue, type NonceQueue } from './chain/nonce-queue.ts'
import { type Endpoints, NETWORKS, zerogChain } from './networks.ts'
import { httpTransport } from './transport/http.ts'
import type { Transport } from './transport/transport.ts'

/** Who signs: a local viem account, a viem wallet client, or a browser wallet (EIP-1193) with the address to use. */
export type Signer = Account | WalletClient | { readonly provider: EIP1193Provider; readonly address: `0x${string}` }

export type ClientOptions = {
  /** A name of `NETWORKS`; `devnet` when neither network nor endpoints are given. */
  readonly network?: string
  readonly endpoints?: Endpoints
  /** Needed for what costs a fee: uploads and sending transactions. */
  readonly account?: Signer
  /** Default: HTTP to the endpoints. */
  readonly transport?: Transport
}

/** What every function of the SDK takes first. Holds no connection and needs no closing. */
export type Context = {
  readonly endpoints: Endpoints
  readonly transport: Transport
  readonly account: Signer | undefined
  /**
   * viem client over the same transport, without actions so that bundles hold only those in use: `getCode(client.viem, …)` of
   * `viem/actions`, or `client.viem.extend(publicActions)`.
   */
  readonly viem: Client
  readonly nonces: NonceQueue
  /** Asked once, then remembered. */
  readonly chainId: () => Promise<number>
}

export function createContext(options: ClientOptions = {}): Context {
  const endpoints = options.endpoints ?? networkOf(options.network ?? 'devnet').endpoints
  const transport = options.transport ?? httpTransport(endpoints)
  const viem = createClient({ transport: custom(providerOf(transport), { retryCount: 0 }), pollingInterval: 100, cacheTime: 0 })
  let chainId: Promise<number> | undefined
  return {
    endpoints,
    transport,
    account: options.account,
    viem,
    nonces: createNonceQueue((address) => getTransactionCount(viem, { address, blockTag: 'pending' })),
    chainId: () => {
      chainId ??= getChainId(viem)
      chainId.catch(() => {
        chainId = undefined
      })
      return chainId
    },
  }
}

/** The chain's JSON-RPC as what viem takes for a wallet or node: it forwards any method. */
export function providerOf(transport: Transport) {
  return {
    request: ({ method, params }: { method: string; params?: unknown }) =>
      transport.request('rpc', { method, params: (params ?? []) as readonly unknown[] }),
  }
}

/** The chain object of the network behind a context. */
export async function chainOf(context: Context) {
  return zerogChain({ chainId: await context.chainId(), rpcUrl: context.endpoints.rpcUrl })
}

function networkOf(name: string) {
  const network = NETWORKS[name]
  if (network !== undefined) return network
  throw new ZerogError('CONFIG_INVALID', {
    message: `there is no network ${name}; known are ${Object.keys(NETWORKS).join(', ')}, or pass endpoints`,
  })
}
