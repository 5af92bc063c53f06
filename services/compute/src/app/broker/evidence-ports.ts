import type { Hex } from '@zerog/primitives'
import type { BlockPart, CertifiedPart } from '@zerog/verifier'
import type { StoredReceipt } from './repository.ts'

/** What the chain proves at a height; nothing of it is believed before the verifier has seen it. */
export type EvidenceChain = {
  head(): Promise<bigint>
  /** Words of the storage of one account. */
  words(asked: { readonly address: Hex; readonly slots: readonly Hex[]; readonly height: bigint }): Promise<readonly bigint[]>
  code(asked: { readonly address: Hex; readonly height: bigint }): Promise<Uint8Array>
  /** Nodes of the account's proof, root first, then those of each slot. */
  proof(asked: {
    readonly address: Hex
    readonly slots: readonly Hex[]
    readonly height: bigint
  }): Promise<readonly (readonly Uint8Array[])[]>
  /** Headers from the block to the certified one, its certificate, and the encoded set that signed. */
  finality(height: bigint): Promise<BlockPart & { readonly validators: Uint8Array; readonly epochLength: bigint }>
}

/** A bundle of data availability by its name. */
export type BundleName = { readonly commitment: Uint8Array; readonly epoch: bigint }

export type EvidenceArchive = {
  certificate(bundle: BundleName, signal: AbortSignal): Promise<Omit<CertifiedPart, 'blobIndex'>>
  /** The vector that rows are combined to, 16 bytes for each original row. */
  rlc(bundle: BundleName, signal: AbortSignal): Promise<Uint8Array>
  /** Rows with their paths, as asked for. Throws ROWS_INSUFFICIENT where one is not served. */
  rows(
    bundle: BundleName & { readonly indexes: readonly number[] },
    signal: AbortSignal,
  ): Promise<readonly { readonly index: number; readonly row: Uint8Array; readonly path: readonly Uint8Array[] }[]>
}

/** What became of the evidence of a batch. `refused`: why no file of it holds. */
export type KeptEvidence =
  | { readonly height: bigint; readonly material: Uint8Array }
  | { readonly height: bigint; readonly refused: string }

/** What the broker keeps for evidence. Every method is one transaction and durable when it resolves. */
export type EvidenceRepository = {
  /** Settled and published batches since a time of which nothing is kept, oldest first. */
  missing(sinceMs: number, limit: number): Promise<readonly bigint[]>
  /** What was kept first stands: two brokers that make the same do no harm. */
  keep(batchId: bigint, evidence: KeptEvidence, nowMs: number): Promise<void>
  kept(batchId: bigint): Promise<KeptEvidence | undefined>
  /** One receipt of the batch for each user and model. */
  samples(batchId: bigint): Promise<readonly StoredReceipt[]>
  /** Forgets what was kept before; returns how much. */
  prune(beforeMs: number, limit: number): Promise<number>
}
