import type { Clock, Logger } from '@zerog/ports'
import { type OfferedModel, type ServiceTerms, sameTerms, serviceTerms } from '../../core/broker/service-terms.ts'
import { signAndSend, type TransactionRequest, type TransactionSender } from './sender.ts'

export type ProviderService = ServiceTerms & { readonly acknowledged: boolean }

export type Registration = {
  /**
   * Compares what should be registered with what is, and sends at most one transaction; what it did is seen by a later call. Runs under
   * the settlement lease, which alone sends from the provider's account.
   */
  round(): Promise<void>
  /** The service on chain may have changed. */
  changed(): void
  /** Whether the chain shows our terms with an acknowledged signer. */
  state(): 'unknown' | 'no models' | 'not registered' | 'not acknowledged' | 'registered'
}

export function createRegistration(
  options: Omit<Parameters<typeof serviceTerms>[1], never> & {
    readonly stakeWei: bigint
    /** Without news the chain is asked again after this time, ms. */
    readonly checkMs: number
  },
  deps: {
    readonly models: () => readonly OfferedModel[]
    readonly service: () => Promise<ProviderService | undefined>
    readonly sender: TransactionSender
    readonly encode: {
      register(terms: ServiceTerms, stakeWei: bigint): TransactionRequest
      acknowledge(): TransactionRequest
    }
    readonly caughtUp: () => Promise<void>
    readonly clock: Clock
    readonly logger: Logger
  },
): Registration {
  const { clock, logger } = deps
  /** Models stay registered while their workers are away: each change costs an acknowledgement. */
  const offered = new Map<string, OfferedModel>()
  let state: ReturnType<Registration['state']> = 'unknown'
  let checkAtMs = Number.NEGATIVE_INFINITY
  let knownCount = 0

  return {
    async round() {
      for (const model of deps.models()) offered.set(model.id, model)
      if (offered.size === knownCount && clock.monotonicMs() < checkAtMs) return
      const terms = serviceTerms([...offered.values()], options)
      if (terms === undefined) {
        state = 'no models'
        return
      }
      // What an earlier transaction did must be known before the next.
      await deps.caughtUp()
      const present = await deps.service()
      knownCount = offered.size
      checkAtMs = clock.monotonicMs() + options.checkMs
      if (present === undefined || !sameTerms(present, terms)) {
        state = 'not registered'
        const request = deps.encode.register(terms, present === undefined ? options.stakeWei : 0n)
        const { hash } = await signAndSend(deps.sender, request)
        logger.info('service_registering', { hash, model: terms.model, models: offered.size, verifiability: terms.verifiability })
        return
      }
      state = present.acknowledged ? 'registered' : 'not acknowledged'
      if (present.acknowledged) return
      const { hash } = await signAndSend(deps.sender, deps.encode.acknowledge())
      logger.info('signer_acknowledging', { hash, signer: terms.signer })
    },
    changed() {
      checkAtMs = Number.NEGATIVE_INFINITY
    },
    state: () => state,
  }
}
