import type { Hex } from '@zerog/primitives'
import type { GenesisAllocation } from '../executor.ts'

export const SYSTEM_ADDRESS: Hex = '0xfffffffffffffffffffffffffffffffffffffffe'
export const SYSTEM_CALL_GAS = 30_000_000n

/** EIP-2935: hashes of the last 8,191 blocks. */
export const HISTORY_ADDRESS: Hex = '0x0000f90827f1c53a10cb7a02335b175320002935'
export const HISTORY_WINDOW = 8191n
/** EIP-4788: parentBeaconBlockRoot by timestamp; here it holds parent block hashes (docs/spec/header.md). */
export const BEACON_ROOTS_ADDRESS: Hex = '0x000f3df6d732807ef1319fb7b8bb8522d0beac02'

/** The two contracts with the runtime code that their EIPs publish; every genesis holds them. */
export const SYSTEM_CONTRACTS: GenesisAllocation = {
  [HISTORY_ADDRESS]: {
    balance: 0n,
    nonce: 1n,
    code: '0x3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500',
  },
  [BEACON_ROOTS_ADDRESS]: {
    balance: 0n,
    nonce: 1n,
    code: '0x3373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f35801560495762001fff810690815414603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff42064281555f359062001fff015500',
  },
}
