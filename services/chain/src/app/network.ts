import { type Bls, genesisRandomness, type Sha256, type Validator, validatorSetHash } from '@zerog/consensus'
import type { BaseFeePolicy, BlockEnvironment, GenesisAllocation } from '@zerog/evm'
import { assert, type Hex, toHex } from '@zerog/primitives'

/** Everything that all nodes of a chain agree on before its first block. */
export type Network = {
  readonly chainId: bigint
  readonly allocation: GenesisAllocation
  readonly genesisTimestampSeconds: bigint
  readonly gasLimit: bigint
  readonly baseFee: BaseFeePolicy
  readonly validators: readonly Validator[]
  /** Receives the tips. */
  readonly beneficiary: Hex
}

export type Crypto = { readonly bls: Bls; readonly sha256: Sha256 }

export const ZERO_HASH: Hex = `0x${'00'.repeat(32)}`
const BASE_FEE_FIRST = 1_000_000_000n

export function setHashOf(network: Network, sha256: Sha256): Uint8Array {
  return validatorSetHash(network.validators, sha256)
}

/** The environment of block 0: its r comes from the validator set, its parent does not exist. */
export function genesisEnvironment(network: Network, sha256: Sha256): BlockEnvironment {
  const setHash = setHashOf(network, sha256)
  return {
    height: 0n,
    parentHash: ZERO_HASH,
    timestampSeconds: network.genesisTimestampSeconds,
    gasLimit: network.gasLimit,
    baseFeePerGas: network.baseFee.kind === 'constant' ? network.baseFee.wei : BASE_FEE_FIRST,
    beneficiary: network.beneficiary,
    prevRandao: toHex(genesisRandomness(network.chainId, setHash, sha256)),
    extraData: toHex(setHash),
  }
}

/** Until the voter is there one validator leads every view: epoch 0, view = height (ARCHITECTURE 3a, randomness). */
export function leaderSlot(network: Network, height: bigint) {
  const [leader] = network.validators
  assert(leader !== undefined, 'a network without validators')
  return { slot: { chainId: network.chainId, epoch: 0n, view: height }, leader }
}
