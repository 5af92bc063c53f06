import {
  type Bls,
  genesisRandomness,
  type LeaderSlot,
  type Multisignature,
  type Sha256,
  type Validator,
  validatorSetHash,
} from '@zerog/consensus'
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
  /** Heights that one validator set votes on: epoch e has e * length + 1 to (e + 1) * length. */
  readonly epochLength: bigint
  /** Receives the tips. */
  readonly beneficiary: Hex
}

export type Crypto = { readonly bls: Bls; readonly multisignature: Multisignature; readonly sha256: Sha256 }

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

/**
 * Who leads the block of a height, and where it stands. A committee of one nullifies nothing, so every view of an epoch gives one
 * block: there is nothing to choose, and nothing that r could be ground with.
 */
export function leaderSlot(network: Network, height: bigint): { readonly slot: LeaderSlot; readonly leader: Validator } {
  const [leader] = network.validators
  assert(leader !== undefined && network.validators.length === 1, 'a network of one validator')
  const epoch = epochOf(network, height)
  return { slot: { chainId: network.chainId, epoch, view: height - epoch * network.epochLength }, leader }
}

/** The epoch whose validators vote on a height; the genesis block is nobody's vote. */
export function epochOf({ epochLength }: Pick<Network, 'epochLength'>, height: bigint): bigint {
  assert(height >= 1n, 'the genesis block belongs to no epoch')
  return (height - 1n) / epochLength
}
