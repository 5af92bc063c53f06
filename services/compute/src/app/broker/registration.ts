import type { Logger } from '@zerog/ports'
import type { Hex } from '@zerog/primitives'
import { type SignedStatement, type TransactionSender, signAndSend } from './sender.ts'

/** A provider's service as it is registered. */
export type ServiceTerms = {
  readonly serviceType: string
  readonly url: string
  readonly model: string
  /** One of 0G's strings, or empty. */
  readonly verifiability: string
  readonly inputPrice: bigint
  readonly outputPrice: bigint
  /** JSON */
  readonly additionalInfo: string
  readonly signer: Hex
}

export type ProviderService = ServiceTerms & { readonly acknowledged: boolean }
