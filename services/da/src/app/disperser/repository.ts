import type { Statement } from '@zerog/availability'

/** A blob as it was accepted. */
export type BlobRecord = {
  /** Chosen by the disperser: printable ASCII, at most 256 characters. */
  readonly id: string
  /** Ordinal of the disperser whose disk has the bytes. */
  readonly owner: number
  readonly sizeBytes: number
  readonly sha256: Uint8Array
  /** 20 bytes; zero where nobody pays. */
  readonly account: Uint8Array
  readonly retentionSeconds: number
  readonly idempotencyKey: string | undefined
  readonly acceptedAtMs: number
  /** One per part, in order. */
  readonly partLengths: readonly number[]
}

export type PartView = {
  readonly lengthBytes: number
  readonly bundleId: string | undefined
  /** Place in the list of its bundle. */
  readonly index: number
  /** Set once the bundle is coded. */
  readonly statement: Statement | undefined
  readonly certifiedAtMs: number | undefined
  readonly finalizedAtMs: number | undefined
  readonly transactionHash: Uint8Array | undefined
}

export type Failure = { readonly reason: string; readonly message: string }

export type BlobView = Omit<BlobRecord, 'partLengths'> & {
  readonly failure: Failure | undefined
  readonly parts: readonly PartView[]
}

export type BundleRecord = {
  readonly id: string
  readonly owner: number
  readonly epoch: bigint
  readonly committee: number
  /** Seconds since the Unix epoch. */
  readonly expiry: bigint
  readonly payloadBytes: number
  readonly createdAtMs: number
}

export type OpenBundle = BundleRecord & {
  readonly statement: Statement | undefined
  readonly certified: boolean
  /** Members whose rows are known to be durable. */
  readonly stored: readonly number[]
}

export type BundlePart = {
  readonly blobId: string
  readonly part: number
  readonly offset: number
  readonly lengthBytes: number
  readonly account: Uint8Array
}

export type QueuedPart = {
  readonly blobId: string
  readonly part: number
  readonly lengthBytes: number
  readonly retentionSeconds: number
}

/** Whoever drives: its writes are refused once a later holder took the name. */
export type Fence = { readonly name: string; readonly token: bigint }

export type WindowRecord = {
  readonly id: string
  readonly certificate: Uint8Array
  /** In the order of the window. */
  readonly statements: readonly Statement[]
  /** Transactions and refusals so far. */
  readonly attempts: number
  /** Of the last transaction that carried it. */
  readonly transactionHash: Uint8Array | undefined
}

export type CertificateView = {
  readonly certificate: Uint8Array
  readonly statements: readonly Statement[]
  readonly index: number
  readonly transactionHash: Uint8Array | undefined
}

export type PendingTransaction = {
  readonly nonce: number
  readonly raw: Uint8Array
  readonly hash: Uint8Array
  readonly sentAtMs: number
  readonly feePerGas: bigint
  readonly windowIds: readonly string[]
}

/** A window as a finalized block names it. */
export type FinalizedWindow = {
  readonly epoch: bigint
  readonly committee: number
  readonly root: Uint8Array
  readonly transactionHash: Uint8Array
}

export type FinalBundle = { readonly id: string; readonly owner: number; readonly certifiedAtMs: number }

export type LostBundle = { readonly id: string; readonly owner: number }

export type DisperserCounts = {
  readonly queued: number
  readonly dispersing: number
  readonly certified: number
  readonly failed: number
}

/**
 * What dispersers share. Every method is one transaction and durable when it resolves; those with a fence are refused with FENCED for
 * an earlier holder. Two implementations (memory, PostgreSQL) pass one suite.
 */
export type DisperserRepository = {
  /** Later writes with a lower token of this name are refused. */
  takeFence(fence: Fence): Promise<void>

  /** For each blob in order: undefined where it is new now, else the blob that has its account and idempotency key. */
  acceptBlobs(blobs: readonly BlobRecord[]): Promise<readonly (BlobView | undefined)[]>
  /** In the order of the ids. */
  blobs(ids: readonly string[]): Promise<readonly (BlobView | undefined)[]>
  blobByKey(account: Uint8Array, idempotencyKey: string): Promise<BlobView | undefined>
  /** Parts without a bundle, oldest first. */
  queuedParts(owner: number): Promise<readonly QueuedPart[]>

  /** Keeps the bundle with its parts in order; a part that has another bundle, or whose blob failed, makes it WRONG_STATE. A repetition is nothing. */
  createBundle(
    fence: Fence,
    bundle: BundleRecord,
    parts: readonly { readonly blobId: string; readonly part: number }[],
  ): Promise<void>
  bundleParts(bundleId: string): Promise<readonly BundlePart[]>
  /** Certified or not, neither final nor failed; final ones are left out. */
  openBundles(owner: number): Promise<readonly OpenBundle[]>
  /** The commitment is known. */
  codeBundle(fence: Fence, bundleId: string, statement: Statement): Promise<void>
  /** Another epoch for a bundle that nobody certified: it is uncoded again. WRONG_STATE where it has a window. */
  renewBundle(fence: Fence, bundle: Pick<BundleRecord, 'id' | 'epoch' | 'committee' | 'expiry'>): Promise<void>
  storedBy(fence: Fence, bundleId: string, members: readonly number[]): Promise<void>
  /** The bundle and all blobs with a part in it are given up. WRONG_STATE where it has a window. */
  failBundle(fence: Fence, bundleId: string, failure: Failure): Promise<void>

  /**
   * Keeps a certificate over bundles, or a larger one of the same window until it is closed. A bundle that belongs to another window makes
   * it WRONG_STATE: none is certified twice.
   */
  saveWindow(
    fence: Fence,
    window: {
      readonly id: string
      readonly epoch: bigint
      readonly committee: number
      readonly root: Uint8Array
      readonly certificate: Uint8Array
      readonly bundleIds: readonly string[]
      readonly certifiedAtMs: number
    },
  ): Promise<void>
  /** The window may be submitted. */
  closeWindow(fence: Fence, windowId: string): Promise<void>
  /** Windows of an owner that a crash left open. */
  closeWindows(fence: Fence, owner: number): Promise<number>
  certificate(commitment: Uint8Array, epoch: bigint): Promise<CertificateView | undefined>

  /** Closed windows without transaction whose time has come, oldest first, and how long the next one waits. */
  submittable(
    nowMs: number,
    limit: number,
  ): Promise<{ readonly windows: readonly WindowRecord[]; readonly nextAtMs: number | undefined }>
  /** Of these, those that are not final. */
  windowsOf(windowIds: readonly string[]): Promise<readonly WindowRecord[]>
  pendingTransaction(): Promise<PendingTransaction | undefined>
  /** Keeps the transaction before it is sent; replaces one with the same nonce. */
  saveTransaction(fence: Fence, transaction: PendingTransaction): Promise<void>
  /** The nonce is used up. Windows that are not final then wait until `retryAtMs`. */
  settleTransaction(
    fence: Fence,
    outcome: { readonly nonce: number; readonly gasUsed: bigint | undefined; readonly retryAtMs: number },
  ): Promise<void>
  /** The contract refuses this window: it waits until `retryAtMs`. */
  postponeWindow(fence: Fence, windowId: string, retryAtMs: number): Promise<void>
  /** No block will ever take this window: its bundles and all blobs with a part in them are given up. Nothing where it is final. */
  abandonWindow(fence: Fence, windowId: string, failure: Failure): Promise<readonly LostBundle[]>

  /** Next block to look at; undefined before the first one. */
  nextHeight(): Promise<bigint | undefined>
  /** Moves on, and marks windows with their bundles final, all or nothing. Answers what became final now. */
  applyBlock(
    fence: Fence,
    block: { readonly nextHeight: bigint; readonly windows: readonly FinalizedWindow[]; readonly atMs: number },
  ): Promise<readonly FinalBundle[]>
  /** The same for a window of which the chain knew everything already. */
  finalizeWindow(
    fence: Fence,
    final: { readonly windowId: string; readonly transactionHash: Uint8Array; readonly atMs: number },
  ): Promise<readonly FinalBundle[]>

  /** Blobs of an owner all of whose bundles were final, or which failed, before `beforeMs` and whose bytes are still kept. */
  forgettable(owner: number, beforeMs: number, limit: number): Promise<readonly string[]>
  bytesForgotten(blobIds: readonly string[]): Promise<void>
  /** Blobs of an owner whose bytes are kept. */
  keptIds(owner: number): Promise<readonly string[]>
  counts(): Promise<DisperserCounts>
}
