import type { Hex } from '@zerog/primitives'
import type { AccessListItem, BlockEnvironment, Log } from '../executor.ts'
import type { Precompiles } from '../interpreter/precompiles/precompile.ts'
import type { Fork, Rules } from '../interpreter/rules.ts'
import type { NodeStore } from '../state/node-store.ts'
import type { WorldState } from '../state/world-state.ts'
import type { Hooks } from '../tracers/hooks.ts'

/** Whose interpreter runs the code. State, trie and state transition are ours with each. */
export type EngineName = 'zerog' | 'ethereumjs'

export type EngineOptions = {
  readonly fork: Fork
  readonly chainId: bigint
  readonly store: NodeStore
  /** At addresses of the installation's own, beside the standard ones. The oracle does not know them. */
  readonly precompiles?: Precompiles
  /** What BLOCKHASH shows, for state tests, which have no chain. Default: the parent, and what the state knows of older blocks. */
  readonly blockHash?: (height: bigint) => Uint8Array
}

export type EngineFactory = (options: EngineOptions) => Engine

/** One interpreter with one state; runs one message at a time. After an abort it is thrown away. */
export type Engine = {
  readonly name: EngineName
  readonly rules: Rules
  readonly state: WorldState
  /** Opens a state and a block environment for the next messages. */
  readonly open: (stateRoot: Uint8Array, environment: BlockEnvironment, signal?: AbortSignal) => void
  /** Lets timers and sockets run if it is time; throws the signal's reason if the caller gave up. */
  readonly turn: () => Promise<void>
  readonly isPrecompile: (address: Hex) => boolean
  /** Runs code in the opened state within the caller's checkpoint. The sender has paid and counted its nonce. */
  readonly run: (message: EngineMessage) => Promise<Ran>
  /** Listens to the messages that follow; returns how to stop. */
  readonly listen: (hooks: Hooks) => () => void
}

export type EngineMessage = {
  readonly from: Hex
  /** null: a creation, and `data` is its code. */
  readonly to: Hex | null
  readonly value: bigint
  readonly data: Uint8Array
  readonly gas: bigint
  readonly gasPrice: bigint
  /** What BASEFEE shows: 0 for a call without any fee. */
  readonly baseFeePerGas: bigint
  /** Warm beside sender, target, beneficiary and precompiles (EIP-2930, EIP-7702). */
  readonly accessList: readonly AccessListItem[]
  readonly authorities: readonly Hex[]
  readonly reportsAccesses: boolean
  /** Of a type-3 transaction. */
  readonly blobHashes?: readonly Hex[]
}

/** What a message did. A failed one has changed nothing. */
export type Ran = {
  readonly gasUsed: bigint
  readonly refund: bigint
  readonly output: Uint8Array
  /** geth's text. */
  readonly error: string | undefined
  readonly logs: readonly Log[]
  /** State keys of accounts to delete (EIP-6780). */
  readonly destroyed: readonly string[]
  /** What was touched beside what was warm from the start, failed frames too. */
  readonly accesses: AccessListItem[]
}
