import type { Clock, Logger } from '@zerog/ports'
import type { Hex } from '@zerog/primitives'
import { signAndSend, type TransactionRequest, type TransactionSender } from './sender.ts'

/** What a provider says of a model that he owns, when he enters it into the registry. */
export type ModelTerms = { readonly licence: string; readonly pricePerMillionTokensWei: bigint }

export type RegisteredModel = ModelTerms & { readonly root: Hex; readonly mode: number }

export type ModelRegistration = {
  /**
   * Enters models of ours that nobody entered, at most one transaction; what it did is seen by a later call. Runs under the settlement
   * lease and before it settles: transactions of one account keep their order, so the entry stands in the state that evidence is made of.
   */
  round(): Promise<void>
}

export function createModelRegistration(
  options: { readonly terms: ReadonlyMap<string, ModelTerms>; readonly checkMs: number },
  deps: {
    readonly models: () => readonly { readonly id: string; readonly root: Hex | undefined; readonly reExecutable: boolean }[]
    /** Who entered it, undefined for nobody. */
    readonly ownerOf: (root: Hex) => Promise<Hex | undefined>
    readonly encode: (model: RegisteredModel) => TransactionRequest
    readonly sender: TransactionSender
    readonly caughtUp: () => Promise<void>
    readonly clock: Clock
    readonly logger: Logger
  },
): ModelRegistration {
  const { clock, logger } = deps
  const entered = new Set<Hex>()
  const checkAtMs = new Map<Hex, number>()
  return {
    async round() {
      for (const { id, root, reExecutable } of deps.models()) {
        const terms = options.terms.get(id)
        if (terms === undefined || root === undefined || entered.has(root)) continue
        if (clock.monotonicMs() < (checkAtMs.get(root) ?? 0)) continue
        checkAtMs.set(root, clock.monotonicMs() + options.checkMs)
        // What an earlier transaction did must be known before the next.
        await deps.caughtUp()
        const owner = await deps.ownerOf(root)
        if (owner !== undefined) {
          entered.add(root)
          logger.info('model_registered', { model: id, root, owner })
          continue
        }
        const { hash } = await signAndSend(deps.sender, deps.encode({ ...terms, root, mode: reExecutable ? 3 : 1 }))
        logger.info('model_registering', { model: id, root, hash })
        return
      }
    },
  }
}
