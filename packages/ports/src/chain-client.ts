import type { Hex } from '@zerog/primitives'

export type ChainLog = {
  readonly address: Hex
  readonly topics: readonly Hex[]
  readonly data: Hex
  readonly logIndex: number
  readonly transactionHash: Hex
  readonly transactionIndex: number
  /** The signer of the transaction, not anything that a contract claims. */
  readonly transactionFrom: Hex
}

export type FinalizedBlock = {
  readonly height: bigint
  readonly hash: Hex
  readonly parentHash: Hex
  readonly timestampSeconds: bigint
  /** Only those that match the filter of the watch. */
  readonly logs: readonly ChainLog[]
}

export type LogFilter = {
  /** Empty or absent: any address. */
  readonly addresses?: readonly Hex[]
  /** As in eth_getLogs: position by position, null matches anything. */
  readonly topics?: readonly (Hex | readonly Hex[] | null)[]
}

/** Finalized blocks only: a reorganisation does not exist for the layers above the chain. */
export interface ChainClient {
  chainId(): Promise<bigint>
  head(): Promise<{ readonly height: bigint; readonly hash: Hex }>
  /** Every finalized block from `fromHeight` on, without gaps, also those without matching logs; reconnects and resumes by itself. */
  watch(options: {
    readonly fromHeight: bigint
    readonly filter?: LogFilter
    readonly signal: AbortSignal
  }): AsyncIterable<FinalizedBlock>
  /** eth_call at a height (default: head). Throws TRANSACTION_REFUSED with the revert data in the metadata. */
  call(options: { readonly to: Hex; readonly data: Hex; readonly height?: bigint; readonly signal?: AbortSignal }): Promise<Hex>
  sendRawTransaction(raw: Hex): Promise<Hex>
}
