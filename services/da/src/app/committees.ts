import type { Committee } from '@zerog/availability'

/** The committees as the chain has them. What was answered once for an epoch is answered again: a committee never changes. */
export type Committees = {
  /** The committee that new bundles are for. NOT_FOUND while there is none; DEPENDENCY_UNAVAILABLE while the chain does not answer. */
  current(): Promise<Committee>
  /** NOT_FOUND where the registry knows none; DEPENDENCY_UNAVAILABLE while the chain does not answer. */
  committeeOf(name: { readonly epoch: bigint; readonly committee: number }): Promise<Committee>
}
