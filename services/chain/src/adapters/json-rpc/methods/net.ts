import { keccakHex } from '@zerog/evm'
import { fromHex } from '@zerog/primitives'
import { bytes } from '../codecs/hex.ts'
import { type Method, method, required } from '../method.ts'

/** net_*, web3_* and rpc_modules. */
export function netMethods(options: {
  readonly clientVersion: string
  readonly modules: readonly string[]
}): Readonly<Record<string, Method>> {
  return {
    net_listening: method([], () => true),
    // Peers belong to the consensus layer; the JSON-RPC of one node has none.
    net_peerCount: method([], () => '0x0'),
    net_version: method([], ({ backend }) => backend.chainId.toString()),
    web3_clientVersion: method([], () => options.clientVersion),
    web3_sha3: method([required(bytes)], (_context, data) => keccakHex(fromHex(data))),
    rpc_modules: method([], () => Object.fromEntries(options.modules.map((name) => [name, '1.0']))),
  }
}
