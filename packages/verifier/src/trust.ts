import { addresses } from '@zerog/contracts/addresses'
import { type Hex, isHex, ZerogError } from '@zerog/primitives'

/** What is believed before a bundle is read. Everything else is proven. */
export type Trust = {
  readonly chainId: bigint
  /** Hash of a validator set, from somebody other than whoever made the bundle. */
  readonly validatorSetHash: Hex
  /** Whose set it is. Absent: the epoch from which the steps of a bundle lead to its certificate, where the set's signatures name it. */
  readonly epoch?: bigint
  /** Blocks per epoch. */
  readonly epochLength: bigint
  readonly contracts: EvidenceContracts
}

/** Contracts whose storage holds the facts. */
export type EvidenceContracts = {
  readonly inferenceServing: Hex
  readonly receiptAnchor: Hex
  readonly modelRegistry: Hex
  readonly daSigners: Hex
}

/** Length of epochs where the network's operator sets none. */
const EPOCH_LENGTH = 28_800n

/**
 * A whole `Trust` from a chain id and a set hash, with the addresses that every network of zerog has and 28,800 blocks per epoch.
 * @throws ZerogError INVALID_ARGUMENT
 */
export function trustOf(
  given: Pick<Trust, 'chainId' | 'validatorSetHash'> & Partial<Pick<Trust, 'epoch' | 'epochLength' | 'contracts'>>,
): Trust {
  const trust: Trust = { epochLength: EPOCH_LENGTH, contracts: addresses(given), ...given }
  if (!isHex(trust.validatorSetHash, 32)) {
    throw new ZerogError('INVALID_ARGUMENT', { message: 'a validator set hash is 0x and 64 hexadecimal digits' })
  }
  if (trust.epochLength < 1n || (trust.epoch ?? 0n) < 0n) {
    throw new ZerogError('INVALID_ARGUMENT', { message: 'an epoch has at least one block, and the first epoch is 0' })
  }
  const { inferenceServing, receiptAnchor, modelRegistry, daSigners } = trust.contracts
  const contracts = { inferenceServing, receiptAnchor, modelRegistry, daSigners }
  return { ...trust, validatorSetHash: trust.validatorSetHash.toLowerCase() as Hex, contracts }
}
