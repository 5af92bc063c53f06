import { createCommittee, type Member } from '@zerog/availability'
import { sha256 } from '@zerog/kernels'
import { bigintToBytes, concatBytes, type Hex, toHex, ZerogError } from '@zerog/primitives'
import { PREDEPLOY_ADDRESSES } from '../addresses.ts'
import { daEntrance } from '../artifacts/da-entrance.ts'
import { daSigners } from '../artifacts/da-signers.ts'
import type { GenesisAccount } from '../genesis-account.ts'
import { arraySlot, mappingSlot, storageSlots, textAt, values } from '../storage-slots.ts'
import { type CommitteeAccounts, committeeAccounts } from './committee-code.ts'

export type DaParameters = {
  /** Sets votes, prices and limits until others are named. */
  readonly owner: Hex
  /** Blocks that an epoch lasts at least; anybody begins the next one by `makeEpoch`. */
  readonly epochBlocks: bigint
  readonly retentionSecondsMax: bigint
  /**
   * The committee of epoch 1, which then exists from the first block on; empty: epoch 0 without a committee. Whoever writes a genesis answers
   * for the keys: a proof of possession is demanded only of those who register by transaction.
   */
  readonly members: readonly Member[]
  /** r of epoch 1. Public before the epoch begins, unlike all later ones. */
  readonly seed: Uint8Array
}

/** 0G's epoch length, and a year. */
export const DA_DEFAULTS = { epochBlocks: 28_800n, retentionSecondsMax: 366n * 86_400n } as const

/** Registry and entrance with the committee of epoch 1. @throws ZerogError CONFIG_INVALID */
export function daContracts(
  chainId: bigint,
  options: Partial<DaParameters> & Pick<DaParameters, 'owner'>,
): Record<Hex, GenesisAccount> {
  const { owner, epochBlocks, retentionSecondsMax } = { ...DA_DEFAULTS, ...options }
  const members = options.members ?? []
  const seed = options.seed ?? sha256(concatBytes(new TextEncoder().encode('zerog/da/genesis/v1'), bigintToBytes(chainId, 8)))
  const registry = members.length === 0 ? { nonce: 1n, accounts: {}, storage: {} } : committeeOf(members, seed)
  return {
    [PREDEPLOY_ADDRESSES.daSigners]: {
      balance: 0n,
      nonce: registry.nonce,
      code: daSigners.deployedBytecode,
      storage: {
        ...storageSlots(daSigners.storage, {
          owner: BigInt(owner),
          weigher: BigInt(owner),
          epochBlocks,
          currentEpoch: members.length === 0 ? 0n : 1n,
        }),
        ...registry.storage,
      },
    },
    ...registry.accounts,
    [PREDEPLOY_ADDRESSES.daEntrance]: {
      balance: 0n,
      nonce: 1n,
      code: daEntrance.deployedBytecode,
      storage: storageSlots(daEntrance.storage, { owner: BigInt(owner), retentionSecondsMax }),
    },
  }
}

/** What registrations, votes and `makeEpoch` leave behind, in the order of the members. */
function committeeOf(members: readonly Member[], seed: Uint8Array) {
  const { first, code, nonce } = checkedAccounts(members, seed)
  const storage: Record<Hex, Hex> = {
    ...values(mappingSlot(daSigners.storage.epochs.slot, 1n), [BigInt(first), BigInt(toHex(seed))]),
    ...values(BigInt(daSigners.storage.list.slot), [BigInt(members.length)]),
    ...values(
      arraySlot(BigInt(daSigners.storage.list.slot)),
      members.map(({ address }) => BigInt(address)),
    ),
  }
  for (const [index, { address, stake, key, socket }] of members.entries()) {
    const slot = mappingSlot(daSigners.storage.signers.slot, BigInt(address))
    // votes u64, place u32, registered, left
    const head = stake | (BigInt(index + 1) << 64n) | (1n << 96n)
    const words = [0, 32, 64].map((at) => BigInt(toHex(key.subarray(at, at + 32))))
    Object.assign(storage, values(slot, [head, ...words]), textAt(slot + 4n, socket))
  }
  const accounts = Object.fromEntries(
    Object.entries(code).map(([address, bytes]) => [address, { balance: 0n, nonce: 1n, code: bytes }]),
  )
  return { nonce, accounts, storage }
}

function checkedAccounts(members: readonly Member[], seed: Uint8Array): CommitteeAccounts {
  const refuse = (problem: string, cause?: unknown): never => {
    throw new ZerogError('CONFIG_INVALID', { message: `da.members: ${problem}`, metadata: { field: 'da.members' }, cause })
  }
  if (new Set(members.map(({ address }) => address.toLowerCase())).size !== members.length)
    refuse('an address stands in it twice')
  if (new Set(members.map(({ key }) => toHex(key))).size !== members.length) refuse('a key stands in it twice')
  if (members.some(({ socket }) => new TextEncoder().encode(socket).length > 256)) refuse('a socket has at most 256 bytes')
  try {
    createCommittee({ epoch: 1n, id: 0, seed, members })
    return committeeAccounts(members, { address: PREDEPLOY_ADDRESSES.daSigners, nonce: 1n })
  } catch (error) {
    return refuse(error instanceof Error ? error.message : 'not a committee', error)
  }
}
