import type { AccessListItem } from '../executor.ts'

/** What a transaction costs before any code runs (Prague). */
export type IntrinsicGas = {
  /** EIP-2028, 2930, 3860, 7702. */
  readonly intrinsic: bigint
  /** EIP-7623: what is paid at least. */
  readonly floor: bigint
}

export type IntrinsicParts = {
  readonly data: Uint8Array
  readonly creation: boolean
  readonly accessList: readonly AccessListItem[]
  readonly authorizationCount: number
}

/** Gas of a transaction's bytes, before execution. */
export function intrinsicGas({ data, creation, accessList, authorizationCount }: IntrinsicParts): IntrinsicGas {
  let zeros = 0
  for (let index = 0; index < data.length; index++) if (data[index] === 0) zeros += 1
  const tokens = zeros + 4 * (data.length - zeros)
  let gas = 21_000 + 4 * tokens
  if (creation) gas += 32_000 + 2 * Math.ceil(data.length / 32)
  for (const { storageKeys } of accessList) gas += 2_400 + 1_900 * storageKeys.length
  gas += AUTHORIZATION_GAS * authorizationCount
  return { intrinsic: BigInt(gas), floor: BigInt(21_000 + 10 * tokens) }
}

/** EIP-7702: charged per tuple, and what an existing authority gives back. */
const AUTHORIZATION_GAS = 25_000
export const AUTHORIZATION_REFUND = 12_500n
