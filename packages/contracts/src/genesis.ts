import { type Hex, ZerogError } from '@zerog/primitives'
import { addresses, DEVNET_CHAIN_ID, SYSTEM_ADDRESSES } from './addresses.ts'
import { flow } from './artifacts/flow.ts'
import { market } from './artifacts/market.ts'
import { type ComputeParameters, computeContracts } from './compute/genesis.ts'
import { type DaParameters, daContracts } from './da/genesis.ts'
import { developmentAccounts } from './development.ts'
import type { GenesisAccount, GenesisAllocation } from './genesis-account.ts'
import { filledArray, storageSlots } from './storage-slots.ts'

export type StorageParameters = {
  /** May pause the flow, set price and lifetime, and withdraw fees. */
  readonly owner: Hex
  /** wei per sector of 256 bytes and entry lifetime */
  readonly pricePerSectorWei: bigint
  /** 1 day to 100 years */
  readonly entryLifetimeSeconds: bigint
  readonly blocksPerEpoch: bigint
}

export type GenesisOptions = {
  readonly chainId: bigint
  /** Funds the public development accounts. Only on chain id 31337. */
  readonly development: boolean
  /** Without the compute contracts that 0G's SDK expects on 31337: account 0 starts at nonce 0. */
  readonly chainOnly: boolean
  /** Further accounts with their balances in wei. */
  readonly accounts?: readonly { readonly address: Hex; readonly balance: bigint }[]
  /** What differs from `STORAGE_DEFAULTS`; `owner` is required unless `development`. */
  readonly storage?: Partial<StorageParameters>
  /** Who signs for data availability from the first block on, and what differs from `DA_DEFAULTS`. */
  readonly da?: Partial<DaParameters>
  /** What differs from `COMPUTE_DEFAULTS`; `owner` is the storage contracts' unless named. */
  readonly compute?: Partial<ComputeParameters>
}

/** 0G's turbo price for twelve months (33 units), its epoch length, and a year of lifetime. */
export const STORAGE_DEFAULTS = {
  pricePerSectorWei: 30_733_644_962n,
  entryLifetimeSeconds: 365n * 86_400n,
  blocksPerEpoch: 3750n,
} as const

export const DEVELOPMENT_BALANCE_WEI = 10_000n * 10n ** 18n

/** 0G's SDK expects the compute contracts where account 0 creates them with nonces 2, 6 and 12; so it goes on with 13. */
const NONCE_AFTER_COMPUTE = 13n

/** Chain ids that belong to others: Ethereum, 0G's networks. */
const FOREIGN_CHAIN_IDS: readonly bigint[] = [1n, 16601n, 16602n, 16661n]

const EMPTY_HASH = '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'

/** Runtime code as the two EIPs give it. */
const BEACON_ROOTS_CODE =
  '0x3373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f35801560495762001fff810690815414603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff42064281555f359062001fff015500'
const BLOCK_HASH_HISTORY_CODE =
  '0x3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500'

/**
 * Everybody who exists at height 0 of a network. Pure data: the same options give the same allocation, so every validator
 * computes the same root. Throws CONFIG_INVALID for a chain id or a key that a real network may not use.
 */
export function genesisAllocation(options: GenesisOptions): GenesisAllocation {
  checkIdentity(options)
  const allocation: Record<Hex, GenesisAccount> = {
    [SYSTEM_ADDRESSES.beaconRoots]: { balance: 0n, nonce: 1n, code: BEACON_ROOTS_CODE },
    [SYSTEM_ADDRESSES.blockHashHistory]: { balance: 0n, nonce: 1n, code: BLOCK_HASH_HISTORY_CODE },
    ...storageContracts(options),
    ...daContracts(options.chainId, { owner: ownerOf(options), ...options.da }),
    ...computeContracts(options, { owner: ownerOf(options), ...options.compute }),
  }
  for (const [index, { address }] of (options.development ? developmentAccounts() : []).entries()) {
    const nonce = index === 0 && !options.chainOnly ? NONCE_AFTER_COMPUTE : 0n
    allocation[address] = { balance: DEVELOPMENT_BALANCE_WEI, nonce }
  }
  for (const { address, balance } of options.accounts ?? []) {
    const key = address.toLowerCase() as Hex
    allocation[key] = { ...allocation[key], balance: (allocation[key]?.balance ?? 0n) + balance }
  }
  return allocation
}

function checkIdentity({ chainId, development, accounts, storage, da, compute }: GenesisOptions): void {
  if (development !== (chainId === DEVNET_CHAIN_ID)) {
    const rule = `chain id ${DEVNET_CHAIN_ID} is the development network's and only its: choose another id, or development`
    throw new ZerogError('CONFIG_INVALID', { message: rule, metadata: { chainId: String(chainId) } })
  }
  if (FOREIGN_CHAIN_IDS.includes(chainId) || chainId <= 0n) {
    throw new ZerogError('CONFIG_INVALID', { message: `chain id ${chainId} belongs to another network: choose your own` })
  }
  if (development) return
  const publicAddresses = new Set<string>(developmentAccounts().map(({ address }) => address))
  const owners = [storage?.owner ?? '0x', da?.owner ?? '0x', compute?.owner ?? '0x']
  const named = [...[...(accounts ?? []), ...(da?.members ?? [])].map(({ address }) => address), ...owners]
  const leaked = named.find((address) => publicAddresses.has(address.toLowerCase()))
  if (leaked === undefined) return
  throw new ZerogError('CONFIG_INVALID', { message: `the key of ${leaked} is public: use a key of your own on this network` })
}

function ownerOf(options: GenesisOptions): Hex {
  const owner = options.storage?.owner ?? (options.development ? developmentAccounts()[0]?.address : undefined)
  if (owner !== undefined) return owner
  throw new ZerogError('CONFIG_INVALID', { message: 'name the owner of the storage contracts (storage.owner)' })
}

function storageContracts(options: GenesisOptions): Record<Hex, GenesisAccount> {
  const owner = ownerOf(options)
  const { pricePerSectorWei, entryLifetimeSeconds, blocksPerEpoch } = { ...STORAGE_DEFAULTS, ...options.storage }
  checkRange('storage.entryLifetimeSeconds', entryLifetimeSeconds, 86_400n, 36_525n * 86_400n)
  checkRange('storage.blocksPerEpoch', blocksPerEpoch, 1n, 2n ** 24n - 1n)
  const at = addresses(options)
  return {
    [at.flow]: {
      balance: 0n,
      nonce: 1n,
      code: flow.deployedBytecode,
      // What the constructor does at block 0. Fields that are not named start at 0.
      storage: {
        ...storageSlots(flow.storage, {
          owner: BigInt(owner),
          'cursor.length': 1n,
          market_: BigInt(at.market),
          blocksPerEpoch_: blocksPerEpoch,
          'context.flowLength': 1n,
          'context.blockDigest': BigInt(EMPTY_HASH),
          'context.digest': BigInt(EMPTY_HASH),
        }),
        ...filledArray(flow.storage.frontier, 1n),
      },
    },
    [at.market]: {
      balance: 0n,
      nonce: 1n,
      code: market.deployedBytecode,
      storage: storageSlots(market.storage, {
        owner: BigInt(owner),
        pricePerSector: pricePerSectorWei,
        flow: BigInt(at.flow),
        entryLifetimeSeconds,
      }),
    },
  }
}

function checkRange(name: string, value: bigint, min: bigint, max: bigint): void {
  if (value >= min && value <= max) return
  throw new ZerogError('CONFIG_INVALID', { message: `${name} must be from ${min} to ${max}, not ${value}`, metadata: { name } })
}
