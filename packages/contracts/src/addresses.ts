import type { Hex } from '@zerog/primitives'

/** Chain id of the local devnet, which 0G's and Ethereum's tools take for a development chain. */
export const DEVNET_CHAIN_ID = 31337n

/** System contracts of Ethereum that every zerog chain has in its genesis. */
export const SYSTEM_ADDRESSES = {
  /** EIP-4788: parent beacon block roots; here the parent block's hash. */
  beaconRoots: '0x000f3df6d732807ef1319fb7b8bb8522d0beac02',
  /** EIP-2935: the last 8191 block hashes. */
  blockHashHistory: '0x0000f90827f1c53a10cb7a02335b175320002935',
} as const satisfies Record<string, Hex>

/** Contracts of zerog at genesis: 0x06, zeros, layer (01 storage), number. The same on every network. */
export const PREDEPLOY_ADDRESSES = {
  flow: '0x0600000000000000000000000000000000000101',
  market: '0x0600000000000000000000000000000000000102',
} as const satisfies Record<string, Hex>

export type NetworkAddresses = { readonly flow: Hex; readonly market: Hex }

/** Where the contracts of a network live. Every zerog network has them at the predeploy addresses. */
export function addresses(_network: { readonly chainId: bigint }): NetworkAddresses {
  return { flow: PREDEPLOY_ADDRESSES.flow, market: PREDEPLOY_ADDRESSES.market }
}
