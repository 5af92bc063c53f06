import { hash } from 'node:crypto'
import { type Hex, toHex, ZerogError } from '@zerog/primitives'
import { keccakHex } from './codec/keccak.ts'
import type { BlockEnvironment, Header } from './executor.ts'
import { EMPTY_ROOT } from './trie/trie.ts'

/** How the base fee follows from the parent (ARCHITECTURE 3a, gas and fees). */
export type BaseFeePolicy =
  | { readonly kind: 'constant'; readonly wei: bigint }
  | {
      readonly kind: 'eip1559'
      /** Ethereum's 8; production scales it to 8 x 12 s / block time. */
      readonly changeDenominator: bigint
    }

export const DEVNET_BASE_FEE: BaseFeePolicy = { kind: 'constant', wei: 1_000_000_000n }

/** Fields that are the same in every header. */
export const FIXED_FIELDS = {
  ommersHash: keccakHex(Uint8Array.of(0xc0)),
  difficulty: 0n,
  nonce: '0x0000000000000000',
  withdrawalsRoot: toHex(EMPTY_ROOT),
  blobGasUsed: 0n,
  excessBlobGas: 0n,
  requestsHash: toHex(new Uint8Array(hash('sha256', new Uint8Array(0), 'buffer'))),
} as const satisfies Partial<Header>

const ELASTICITY = 2n
const GAS_LIMIT_MIN = 5_000n

/** Base fee of the block after `parent`: constant, or exactly the rule of EIP-1559. */
export function nextBaseFee(parent: Pick<Header, 'gasLimit' | 'gasUsed' | 'baseFeePerGas'>, policy: BaseFeePolicy): bigint {
  if (policy.kind === 'constant') return policy.wei
  const target = parent.gasLimit / ELASTICITY
  const { gasUsed, baseFeePerGas } = parent
  if (gasUsed === target) return baseFeePerGas
  const distance = gasUsed > target ? gasUsed - target : target - gasUsed
  const change = (baseFeePerGas * distance) / target / policy.changeDenominator
  if (gasUsed > target) return baseFeePerGas + (change > 0n ? change : 1n)
  return baseFeePerGas > change ? baseFeePerGas - change : 0n
}

/** Checks everything about a header that needs no execution. Throws VERIFICATION_FAILED naming the field. */
export function validateHeader(header: Header, parent: Header & { readonly hash: Hex }, policy: BaseFeePolicy): void {
  equal('height', header.height, parent.height + 1n)
  equal('parentHash', header.parentHash, parent.hash)
  equal('parentBeaconBlockRoot', header.parentBeaconBlockRoot, parent.hash)
  equal('gasLimit', header.gasLimit, parent.gasLimit)
  equal('baseFeePerGas', header.baseFeePerGas, nextBaseFee(parent, policy))
  for (const field of Object.keys(FIXED_FIELDS) as (keyof typeof FIXED_FIELDS)[]) {
    equal(field, header[field], FIXED_FIELDS[field])
  }
  if (header.timestampSeconds < parent.timestampSeconds) {
    fail('timestampSeconds', `${header.timestampSeconds} is before the parent's ${parent.timestampSeconds}`)
  }
  if (header.gasLimit < GAS_LIMIT_MIN) fail('gasLimit', `${header.gasLimit} is below ${GAS_LIMIT_MIN}`)
  if (header.gasUsed > header.gasLimit) fail('gasUsed', `${header.gasUsed} is above the limit ${header.gasLimit}`)
  if (header.extraData.length !== 66) fail('extraData', 'is not the 32-byte hash of a validator set')
}

/** What execution reads of a header. */
export function environmentOf(header: Header): BlockEnvironment {
  return {
    height: header.height,
    parentHash: header.parentHash,
    timestampSeconds: header.timestampSeconds,
    gasLimit: header.gasLimit,
    baseFeePerGas: header.baseFeePerGas,
    beneficiary: header.beneficiary,
    prevRandao: header.prevRandao,
    extraData: header.extraData,
  }
}

/** Throws VERIFICATION_FAILED unless the two are the same. */
export function equal(field: keyof Header, found: Hex | bigint, wanted: Hex | bigint): void {
  if (found !== wanted) fail(field, `is ${found}, must be ${wanted}`)
}

export function fail(field: string, problem: string): never {
  throw new ZerogError('VERIFICATION_FAILED', { message: `block header: ${field} ${problem}`, metadata: { field } })
}
