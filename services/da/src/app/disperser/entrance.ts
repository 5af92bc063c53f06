import type { Certificate, Statement } from '@zerog/availability'
import type { ChainLog, LogFilter } from '@zerog/ports'
import type { Hex, ZerogError } from '@zerog/primitives'

/** The contract that takes certificates. */
export type Entrance = {
  readonly address: Hex
  /** Call data of one transaction for many windows, and gas that is enough for it. */
  encode(windows: readonly { readonly certificate: Certificate; readonly statements: readonly Statement[] }[]): {
    readonly data: Hex
    readonly gas: bigint
  }
  /** What the contract says where no later block will take the window; undefined for any other refusal. */
  neverTaken(refusal: ZerogError): string | undefined
  readonly filter: LogFilter
  /** The window that a log certifies; undefined for any other log. */
  read(log: ChainLog): { readonly epoch: bigint; readonly committee: number; readonly root: Uint8Array } | undefined
  /** Until when the chain says that rows of this bundle are kept, seconds; 0 where it does not know the bundle. */
  expiryOf(statement: Statement): Promise<bigint>
}

/** The account that pays for certificates. */
export type Account = {
  readonly address: Hex
  /** Transactions of the account in finalized blocks. */
  nonce(): Promise<number>
  /** wei per gas that the next block takes, without tip. */
  baseFee(): Promise<bigint>
  /** Throws TRANSACTION_REFUSED with what the contract says, its revert data in the metadata `data`. */
  estimateGas(call: { readonly to: Hex; readonly data: Hex }): Promise<bigint>
  sign(transaction: {
    readonly nonce: number
    readonly to: Hex
    readonly data: Hex
    readonly gas: bigint
    readonly feePerGas: bigint
    readonly tipPerGas: bigint
  }): Promise<{ readonly raw: Uint8Array; readonly hash: Uint8Array }>
  /** Repeating it is harmless. */
  send(raw: Uint8Array): Promise<void>
  /** undefined until its block is finalized. */
  receipt(
    hash: Uint8Array,
  ): Promise<{ readonly succeeded: boolean; readonly gasUsed: bigint; readonly height: bigint } | undefined>
}
