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

/** Contracts of zerog at genesis: 0x06, zeros, layer (01 storage, 02 DA, 03 compute), number. The same on every network. */
export const PREDEPLOY_ADDRESSES = {
  flow: '0x0600000000000000000000000000000000000101',
  market: '0x0600000000000000000000000000000000000102',
  /** Where 0G has the precompile of that name. */
  daSigners: '0x0000000000000000000000000000000000001000',
  daEntrance: '0x0600000000000000000000000000000000000201',
  receiptAnchor: '0x0600000000000000000000000000000000000304',
  modelRegistry: '0x0600000000000000000000000000000000000305',
  signerPolicy: '0x0600000000000000000000000000000000000306',
} as const satisfies Record<string, Hex>

/** Ledger and services of compute on every network but the devnet. */
export const COMPUTE_ADDRESSES = {
  ledgerManager: '0x0600000000000000000000000000000000000301',
  inferenceServing: '0x0600000000000000000000000000000000000302',
  fineTuningServing: '0x0600000000000000000000000000000000000303',
} as const satisfies Record<string, Hex>

/** On chain id 31337 the same three live where 0G's SDK looks for them: nonces 2, 6 and 12 of the first development account. */
export const DEVNET_COMPUTE_ADDRESSES = {
  ledgerManager: '0x9fe46736679d2d9a65f0992f2272de9f3c7fa6e0',
  inferenceServing: '0x0165878a594ca255338adfa4d48449f69242eb8f',
  fineTuningServing: '0xa51c1fc2f0d1a1b8494ed1fe312d7c3a78ed91c0',
} as const satisfies Record<keyof typeof COMPUTE_ADDRESSES, Hex>

type ContractName = keyof typeof PREDEPLOY_ADDRESSES | keyof typeof COMPUTE_ADDRESSES

export type NetworkAddresses = { readonly [Name in ContractName]: Hex }

/** Where the contracts of a network live. */
export function addresses({ chainId }: { readonly chainId: bigint }): NetworkAddresses {
  const compute = chainId === DEVNET_CHAIN_ID ? DEVNET_COMPUTE_ADDRESSES : COMPUTE_ADDRESSES
  return { ...PREDEPLOY_ADDRESSES, ...compute }
}
