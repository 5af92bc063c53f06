import { crc32 } from 'node:zlib'
import { fromHex, type Hex } from '@zerog/primitives'
import { serverError } from '../errors.ts'
import { quantity, ZERO_ADDRESS } from '../format/hex.ts'
import { type Method, type MethodContext, method } from '../method.ts'

/** What the chain is and how far it got. */
export const ethChainMethods: Readonly<Record<string, Method>> = {
  eth_blockNumber: method([], ({ backend }) => quantity(backend.head().header.height)),
  eth_chainId: method([], ({ backend }) => quantity(backend.chainId)),
  eth_coinbase: method([], ({ backend }) => backend.head().header.beneficiary),
  // Only finalized blocks are visible, and a node that catches up shows what it has: there is no state in between.
  eth_syncing: method([], () => false),
  eth_capabilities: method([], capabilities),
  eth_config: method([], config),
  eth_protocolVersion: method([], () => '0x45'),
  eth_mining: method([], () => false),
  eth_hashrate: method([], () => '0x0'),
}

/** Nothing is pruned: every block, state and log since genesis is there. */
function capabilities({ backend }: MethodContext): unknown {
  const head = backend.head()
  const whole = { disabled: false, oldestBlock: '0x0' }
  return {
    head: { number: quantity(head.header.height), hash: head.hash },
    state: whole,
    tx: whole,
    logs: whole,
    receipts: whole,
    blocks: whole,
    stateproofs: whole,
  }
}

/** EIP-7910. Prague rules hold from genesis on and no change is planned, so the fork id is the checksum of the genesis hash. */
function config({ backend }: MethodContext): unknown {
  const genesis = backend.blockByHeight(0n)
  if (genesis === undefined) throw serverError('header not found')
  return {
    current: {
      activationTime: 0,
      blobSchedule: { target: 6, max: 9, baseFeeUpdateFraction: 5_007_716 },
      chainId: quantity(backend.chainId),
      forkId: `0x${crc32(fromHex(genesis.hash)).toString(16).padStart(8, '0')}`,
      precompiles: PRECOMPILES,
      systemContracts: SYSTEM_CONTRACTS,
    },
    next: null,
    last: null,
  }
}

const precompile = (index: number): Hex => `0x${index.toString(16).padStart(40, '0')}`

const PRECOMPILES = {
  BLAKE2F: precompile(0x09),
  BLS12_G1ADD: precompile(0x0b),
  BLS12_G1MSM: precompile(0x0c),
  BLS12_G2ADD: precompile(0x0d),
  BLS12_G2MSM: precompile(0x0e),
  BLS12_MAP_FP2_TO_G2: precompile(0x11),
  BLS12_MAP_FP_TO_G1: precompile(0x10),
  BLS12_PAIRING_CHECK: precompile(0x0f),
  BN254_ADD: precompile(0x06),
  BN254_MUL: precompile(0x07),
  BN254_PAIRING: precompile(0x08),
  ECREC: precompile(0x01),
  ID: precompile(0x04),
  KZG_POINT_EVALUATION: precompile(0x0a),
  MODEXP: precompile(0x05),
  RIPEMD160: precompile(0x03),
  SHA256: precompile(0x02),
}

/** Deposits, withdrawals and consolidations by contract (EIP-6110, 7002, 7251) are off on this chain. */
const SYSTEM_CONTRACTS = {
  BEACON_ROOTS_ADDRESS: '0x000f3df6d732807ef1319fb7b8bb8522d0beac02',
  CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS: ZERO_ADDRESS,
  DEPOSIT_CONTRACT_ADDRESS: ZERO_ADDRESS,
  HISTORY_STORAGE_ADDRESS: '0x0000f90827f1c53a10cb7a02335b175320002935',
  WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS: ZERO_ADDRESS,
}
