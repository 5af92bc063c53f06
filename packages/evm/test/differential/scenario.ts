import type { Hex } from '@zerog/primitives'
import { Prng } from '@zerog/sim'
import { KEYS, keyAddresses } from './keys.ts'
import { assemble, type Item } from './program.ts'
import { type Pool, randomProgram } from './random-program.ts'
import { bytesToHex, EDGE_WORDS, wordHex } from './words.ts'

/** A chain that both engines execute. It is JSON: quantities are decimal texts. */
export type Scenario = {
  readonly seed: string
  readonly accounts: Readonly<Record<Hex, ScenarioAccount>>
  readonly blocks: readonly ScenarioBlock[]
}

export type ScenarioAccount = {
  readonly balance: string
  readonly nonce?: string
  readonly program?: readonly Item[]
  readonly storage?: Readonly<Record<Hex, Hex>>
}

export type ScenarioBlock = {
  readonly baseFee: string
  readonly beneficiary: Hex
  readonly transactions: readonly ScenarioTransaction[]
}

export type ScenarioTransaction = {
  readonly type: 0 | 1 | 2 | 4
  readonly key: number
  /** null creates, and then `program` is the init code. */
  readonly to: Hex | null
  readonly program?: readonly Item[]
  readonly data?: string
  /** Added to the nonce that the account has when its turn comes. */
  readonly nonceOffset: number
  readonly gas: number
  readonly value: string
  /** Wei over the base fee. */
  readonly fee: number
  readonly tip: number
  readonly accessList: readonly { readonly address: Hex; readonly storageKeys: readonly Hex[] }[]
  readonly authorizations: readonly ScenarioAuthorization[]
}

export type ScenarioAuthorization = {
  readonly key: number
  readonly address: Hex
  readonly chainId: number
  /** Added to the nonce of the authority before this transaction. */
  readonly nonceOffset: number
  readonly spoil?: 'parity' | 'high-s' | 'zero-r'
}

export const CHAIN_ID = 31337
const RICH = (10n ** 24n).toString()
const CONTRACTS = 7
const BLOCKS = 3
const TRANSACTIONS_PER_BLOCK = 16

/** The same seed gives the same scenario as long as this code is the same; kept cases are stored whole. */
export function randomScenario(seed: bigint): Scenario {
  const prng = Prng.fromSeed(seed)
  const contracts = Array.from({ length: CONTRACTS }, (_, index) => contractAddress(index))
  const pool = poolOf(contracts, prng.chance(0.12))
  const accounts: Record<Hex, ScenarioAccount> = {}
  for (const [index, address] of keyAddresses.entries()) accounts[address] = keyAccount(prng, index, contracts)
  for (const address of contracts) accounts[address] = contractAccount(prng, pool)
  const blocks = Array.from({ length: BLOCKS }, (): ScenarioBlock => {
    const transactions = Array.from({ length: TRANSACTIONS_PER_BLOCK }, () => transaction(prng, pool, contracts))
    return {
      baseFee: prng.pick(['1000000000', '1000000000', '7', '1']),
      beneficiary: prng.chance(0.7) ? BENEFICIARY : hex(prng.pick(pool.addresses)),
      transactions,
    }
  })
  return { seed: seed.toString(), accounts, blocks }
}

const BENEFICIARY: Hex = `0x${'be'.repeat(20)}`
const SYSTEM = ['0000f90827f1c53a10cb7a02335b175320002935', '000f3df6d732807ef1319fb7b8bb8522d0beac02']

function contractAddress(index: number): Hex {
  return `0xc0de${(index + 1).toString(16).padStart(36, '0')}`
}

function hex(address: string): Hex {
  return `0x${address}`
}

function poolOf(contracts: readonly Hex[], slowPrecompiles: boolean): Pool {
  const weighted = [...contracts, ...contracts, ...contracts, ...keyAddresses].map((address) => address.slice(2))
  const others = [BENEFICIARY.slice(2), 'ee'.repeat(20), '00'.repeat(20), wordHex(4n).slice(24), ...SYSTEM]
  return { addresses: [...weighted, ...others], slowPrecompiles }
}

/** Keys 0 to 3 are plain; 4 is poor; 5 and 6 come with a delegation, one of them to the other. */
function keyAccount(prng: Prng, index: number, contracts: readonly Hex[]): ScenarioAccount {
  if (index === 4) return { balance: '300000000000000' }
  const target = index === 5 ? prng.pick(contracts) : index === 6 ? prng.pick([keyAddresses[5] as Hex, ...contracts]) : undefined
  if (target === undefined) return { balance: RICH }
  return { balance: RICH, nonce: '1', program: [`ef0100${target.slice(2)}`] }
}

function contractAccount(prng: Prng, pool: Pool): ScenarioAccount {
  const slots = Array.from({ length: prng.below(5) }, () => [
    hex(wordHex(BigInt(prng.below(6)))),
    hex(wordHex(prng.chance(0.7) ? BigInt(1 + prng.below(3)) : prng.pick(EDGE_WORDS))),
  ])
  const storage = Object.fromEntries(slots.filter(([, value]) => BigInt(value as Hex) !== 0n)) as Record<Hex, Hex>
  return { balance: String(prng.below(10)), nonce: '1', program: randomProgram(prng, pool), storage }
}

function transaction(prng: Prng, pool: Pool, contracts: readonly Hex[]): ScenarioTransaction {
  const type = prng.pick([2, 2, 2, 2, 0, 0, 1, 4] as const)
  const creates = prng.chance(type === 4 ? 0.01 : 0.12)
  const to = creates ? null : receiver(prng, pool, contracts)
  const program = creates ? initProgram(prng, pool) : undefined
  const data = creates ? '' : callData(prng)
  const accessList = type === 0 || prng.chance(0.5) ? [] : randomAccessList(prng, pool)
  const authorizations =
    type === 4
      ? Array.from({ length: prng.chance(0.02) ? 0 : prng.pick([1, 1, 1, 2, 3]) }, () => authorization(prng, contracts))
      : []
  const bytes = program === undefined ? data : assemble(program)
  const least = intrinsic({ bytes, creates, accessList, authorizations: authorizations.length })
  return {
    type,
    key: prng.below(KEYS),
    to,
    ...(program !== undefined && { program }),
    ...(data !== '' && { data }),
    nonceOffset: prng.chance(0.985) ? 0 : prng.pick([-1, 1]),
    gas: gasLimit(prng, least),
    value: prng.chance(0.7) ? '0' : prng.chance(0.95) ? String(prng.below(100)) : (10n ** 25n).toString(),
    fee: prng.chance(0.98) ? prng.below(1_000) : -1,
    tip: prng.chance(0.99) ? prng.below(10) : 2_000_000_000,
    accessList,
    authorizations,
  }
}

/** Mostly enough, often not: out of gas at every place. */
function gasLimit(prng: Prng, least: number): number {
  const kind = prng.below(20)
  if (kind < 8) return least + 100_000 + prng.below(200_000)
  if (kind < 15) return least + Math.floor(2 ** (prng.below(17_000) / 1000))
  if (kind < 17) return least + 400_000
  if (kind < 18) return least
  if (kind < 19) return prng.chance(0.5) ? least - 1 : least + 1
  return least + 1_000_000
}

/** Intrinsic gas or the floor of EIP-7623, whichever is more; only to aim at, the engines have their own. */
function intrinsic(parts: {
  readonly bytes: string
  readonly creates: boolean
  readonly accessList: ScenarioTransaction['accessList']
  readonly authorizations: number
}): number {
  const bytes = Buffer.from(parts.bytes, 'hex')
  let tokens = 0
  for (const byte of bytes) tokens += byte === 0 ? 1 : 4
  let gas = 21_000 + 4 * tokens + 25_000 * parts.authorizations
  if (parts.creates) gas += 32_000 + 2 * Math.ceil(bytes.length / 32)
  for (const { storageKeys } of parts.accessList) gas += 2_400 + 1_900 * storageKeys.length
  return Math.max(gas, 21_000 + 10 * tokens)
}

function receiver(prng: Prng, pool: Pool, contracts: readonly Hex[]): Hex {
  const kind = prng.below(20)
  if (kind < 12) return prng.pick(contracts)
  if (kind < 14) return prng.pick(keyAddresses)
  if (kind < 15) return hex(wordHex(BigInt(1 + prng.below(0x12))).slice(24))
  if (kind < 16) return hex(bytesToHex(prng.bytes(20)))
  return hex(prng.pick(pool.addresses))
}

function initProgram(prng: Prng, pool: Pool): Item[] {
  const program = randomProgram(prng, pool, 1)
  const kind = prng.below(10)
  if (kind < 7) return [...program.slice(0, 6), { deploy: randomProgram(prng, pool, 1) }]
  if (kind < 8) return ['00'.repeat(prng.pick([49_151, 49_152, 49_153]))]
  return program
}

function callData(prng: Prng): string {
  const kind = prng.below(20)
  if (kind < 6) return ''
  if (kind < 16) return bytesToHex(prng.bytes(prng.below(70)))
  if (kind < 17) return '00'.repeat(prng.below(3_000))
  if (kind < 18) return bytesToHex(prng.bytes(prng.below(2_000)))
  return wordHex(prng.pick(EDGE_WORDS))
}

function randomAccessList(prng: Prng, pool: Pool): ScenarioTransaction['accessList'] {
  return Array.from({ length: prng.below(4) }, () => ({
    address: hex(prng.pick(pool.addresses)),
    storageKeys: Array.from({ length: prng.below(4) }, () => hex(wordHex(BigInt(prng.below(6))))),
  }))
}

function authorization(prng: Prng, contracts: readonly Hex[]): ScenarioAuthorization {
  const kind = prng.below(12)
  const key = prng.below(KEYS)
  const target =
    kind < 7
      ? prng.pick(contracts)
      : kind < 8
        ? (keyAddresses[key] as Hex)
        : kind < 9
          ? prng.pick(keyAddresses)
          : kind < 10
            ? hex(wordHex(BigInt(1 + prng.below(17))).slice(24))
            : kind < 11
              ? hex('00'.repeat(20))
              : hex('ee'.repeat(20))
  return {
    key,
    address: target,
    chainId: prng.pick([0, CHAIN_ID, CHAIN_ID, CHAIN_ID, prng.chance(0.3) ? 1 : 0]),
    nonceOffset: prng.chance(0.85) ? 0 : prng.pick([-1, 1, 1]),
    ...(prng.chance(0.06) && { spoil: prng.pick(['parity', 'high-s', 'zero-r'] as const) }),
  }
}
