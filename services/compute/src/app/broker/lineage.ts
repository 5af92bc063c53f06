import type { Hex } from '@zerog/primitives'
import type { BatchState } from './repository.ts'
import type { Publication } from './settlement.ts'

/** What a provider's books know about where an answer comes from and where it went. */
export type LineageAnswer = {
  readonly id: string
  readonly model: string
  /** zero: an upstream without a file */
  readonly modelRoot: Hex
  readonly requestHash: Hex
  readonly responseHash: Hex
  readonly finishedAtMs: number
  /** undefined while it is in none */
  readonly batchRoot: Hex | undefined
}

export type LineageBatch = {
  readonly root: Hex
  readonly state: BatchState
  readonly publication: Publication | undefined
  readonly anchorTransaction: Hex | undefined
  readonly settlementTransaction: Hex | undefined
}

export type LineageFound = { readonly answers: readonly LineageAnswer[]; readonly batches: readonly LineageBatch[] }

/** Answers of one user, and the batches that hold them, newest first; of others nothing is told. */
export type LineageRepository = {
  /** @param name id of an answer, root of a batch, data root of a blob, or root of a model (then of the user's last batches) */
  find(user: Hex, name: string): Promise<LineageFound>
}
