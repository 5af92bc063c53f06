import type { Hex } from '@zerog/primitives'
import type { SegmentMask } from '../core/ranges.ts'
import type { FileKey } from '../core/segment-key.ts'
import type { Submission } from '../core/submission.ts'

/** A submission with the transaction that made it. */
export type StoredSubmission = Submission & {
  readonly transactionHash: Uint8Array
  /** The signer of the transaction. */
  readonly transactionFrom: Uint8Array
  readonly height: bigint
}

export type FileRecord = FileKey & {
  /** Never used again: what was recorded for a deleted file cannot land on a later one of the same root. */
  readonly fileId: bigint
  /** Set while no submission is known: the file is forgotten then. */
  readonly expiresAtMs: number | undefined
  readonly finalizedAtMs: number | undefined
}

export type Holding = {
  readonly nodeId: Hex
  readonly stored: SegmentMask
  /** Signature and time of a receipt for the whole range. */
  readonly receipt: { readonly signature: Uint8Array; readonly issuedAtMs: number } | undefined
}

export type RangeRecord = { readonly rangeIndex: number; readonly quorum: number; readonly holdings: readonly Holding[] }

export type HoldingRef = { readonly fileId: bigint; readonly rangeIndex: number; readonly nodeId: Hex }

export type Checkpoint = { readonly height: bigint; readonly hash: Hex }

export type OutboxEvent = { readonly id: string; readonly subject: string; readonly data: Uint8Array }

export type Deletion = FileKey & { readonly fileId: bigint; readonly nodeIds: readonly Hex[] }

/**
 * What storage-gateways share. Every method is one transaction and durable when it resolves. Two implementations (memory, PostgreSQL)
 * pass one suite.
 */
export type StorageRepository = {
  checkpoint(): Promise<Checkpoint | undefined>
  /**
   * Moves the checkpoint from `from` to the block and keeps its submissions, all or nothing; a known submission is left as it is.
   * 'stale' without any effect where another gateway moved the checkpoint first.
   */
  applyBlock(block: {
    readonly from: Checkpoint | undefined
    readonly to: Checkpoint
    readonly submissions: readonly StoredSubmission[]
  }): Promise<'applied' | 'stale'>

  submission(txSeq: number): Promise<StoredSubmission | undefined>
  /** Of one root, oldest first, at most `limit`. */
  submissionsOf(root: Uint8Array, limit: number): Promise<readonly StoredSubmission[]>
  /** From `txSeq` on, in order. */
  submissionsFrom(txSeq: number, limit: number): Promise<readonly StoredSubmission[]>
  /** The last one whose data starts at or before `entry`. */
  submissionAt(entry: number): Promise<StoredSubmission | undefined>
  /** One more than the highest sequence number; 0 for none. */
  nextTxSeq(): Promise<number>

  file(key: FileKey): Promise<FileRecord | undefined>
  fileById(fileId: bigint): Promise<FileRecord | undefined>
  /**
   * The file, opened where it is new. Without a submission it gets `expiresAtMs`, and 'full' is answered where all such files together
   * would exceed `unsubmittedBytesMax`; 'deleting' while nodes still forget an earlier one of this key.
   */
  openFile(options: {
    readonly key: FileKey
    readonly expiresAtMs: number
    readonly unsubmittedBytesMax: number
  }): Promise<FileRecord | 'full' | 'deleting'>

  ranges(fileId: bigint): Promise<readonly RangeRecord[]>
  range(fileId: bigint, rangeIndex: number): Promise<RangeRecord | undefined>
  /** Keeps the placement of a range unless there is one; answers the one that counts, undefined where the file is gone. */
  placeRange(options: {
    readonly fileId: bigint
    readonly rangeIndex: number
    readonly quorum: number
    readonly nodeIds: readonly Hex[]
  }): Promise<RangeRecord | undefined>
  /** Adds stored segments; the answer tells for each whether its holding still exists and what it stores now. */
  recordStored(marks: readonly (HoldingRef & { readonly segments: SegmentMask })[]): Promise<readonly (SegmentMask | undefined)[]>
  /** Takes segments out of a holding, and its receipt: they were found damaged or missing. */
  clearStored(mark: HoldingRef & { readonly segments: SegmentMask }): Promise<void>
  /** Keeps a receipt; ignored where segments were taken out meanwhile (`segments` is what was signed for). */
  saveReceipt(
    receipt: HoldingRef & { readonly segments: SegmentMask; readonly signature: Uint8Array; readonly issuedAtMs: number },
  ): Promise<void>
  /** One more replica for a range; no effect where the node has one. */
  addHolding(ref: HoldingRef): Promise<void>
  /** Another replica for a range, and the one that it replaces goes. */
  replaceHolding(options: HoldingRef & { readonly by: Hex }): Promise<void>

  /** Marks the file final with its event, once. False where it was or is gone. */
  finalize(options: { readonly fileId: bigint; readonly finalizedAtMs: number; readonly event: OutboxEvent }): Promise<boolean>
  /** Submitted and not final, oldest first. */
  unfinished(after: bigint, limit: number): Promise<readonly FileRecord[]>
  /** Holdings of final files that lack segments. */
  incomplete(limit: number): Promise<readonly (HoldingRef & { readonly stored: SegmentMask })[]>
  /** Every node that holds anything. */
  holders(): Promise<readonly Hex[]>
  /** Ranges of final files that a node holds, or should. */
  heldBy(nodeId: Hex, limit: number): Promise<readonly HoldingRef[]>
  /** Ranges of final files with fewer than `replicas` holdings. */
  thin(replicas: number, limit: number): Promise<readonly { readonly fileId: bigint; readonly rangeIndex: number }[]>

  /** Turns expired files into deletions. */
  expire(nowMs: number, limit: number): Promise<number>
  deletions(limit: number): Promise<readonly Deletion[]>
  /** One node forgot the file; with the last one the deletion is over. */
  finishDeletion(fileId: bigint, nodeIds: readonly Hex[]): Promise<void>

  outbox(limit: number): Promise<readonly OutboxEvent[]>
  clearOutbox(ids: readonly string[]): Promise<void>
}
