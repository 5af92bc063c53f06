import type { Hex } from '@zerog/primitives'

/** The same shape as `GenesisAllocation` of @zerog/evm: who exists at height 0. */
export type GenesisAllocation = Readonly<Record<Hex, GenesisAccount>>
export type GenesisAccount = {
  readonly balance: bigint
  readonly nonce?: bigint
  readonly code?: Hex
  readonly storage?: Readonly<Record<Hex, Hex>>
}
