import type { Clock, Logger } from '@zerog/ports'
import { fromHex, toHex, ZerogError } from '@zerog/primitives'
import { durablePrefix, isComplete, isFinal, type RangeState } from '../../core/durability.ts'
import { fullMask, rangeFirst, rangeLength } from '../../core/ranges.ts'
import type { Receipt } from '../../core/receipt.ts'
import { segmentCountOf } from '../../core/segment-count.ts'
import { RECEIPTS_AT_ONCE } from '../../limits.ts'
import type { FileRecord, Holding, HoldingRef, RangeRecord, StorageRepository } from '../repository.ts'
import type { NodeDirectory } from './directory.ts'

export const FILE_FINALIZED = 'zerog.storage.v1.file_finalized'

export type FinalizerDeps = {
  readonly chainId: number
  readonly repository: StorageRepository
  readonly directory: NodeDirectory
  readonly clock: Clock
  readonly logger: Logger
  readonly verifyReceipt: (receipt: Receipt) => boolean
  /** The file is durable, and this replica must be completed before enough of them can sign. */
  readonly onLacking: (ref: HoldingRef) => void
  readonly onFinalized: (file: FileRecord, finalizedAtMs: number) => void
}

export type Finalizer = {
  /** Asks for missing receipts of a submitted, complete file and flips `finalized`. Any number of times, by any gateway. */
  tryFinalize(fileId: bigint): Promise<boolean>
  /** The same in the background; calls for one file while it runs lead to one more run. */
  poke(fileId: bigint): void
  idle(): Promise<void>
}

type Wanted = { readonly range: RangeRecord; readonly holding: Holding }

export function createFinalizer(deps: FinalizerDeps): Finalizer {
  const { repository, directory, clock, logger } = deps
  const running = new Map<bigint, { again: boolean; done: Promise<void> }>()

  async function tryFinalize(fileId: bigint): Promise<boolean> {
    const file = await repository.fileById(fileId)
    if (file === undefined || file.expiresAtMs !== undefined || file.finalizedAtMs !== undefined) return false
    const segmentCount = segmentCountOf(file.sizeBytes)
    const ranges = await repository.ranges(fileId)
    if (!isComplete(ranges.map(rangeState), segmentCount)) {
      // Every segment may be on a quorum while no quorum has every segment: a node was away for one, another node for the next.
      if (durablePrefix(ranges.map(rangeState), segmentCount) === segmentCount)
        lacking(fileId, ranges, segmentCount).forEach(deps.onLacking)
      return false
    }
    await collectReceipts(file, ranges)
    if (!isFinal((await repository.ranges(fileId)).map(rangeState), segmentCount)) return false
    const finalizedAtMs = clock.nowMs()
    const body = { v: 1, root: toHex(file.root), sizeBytes: file.sizeBytes, finalizedAtMs }
    const event = {
      id: `file_finalized-${fileId}`,
      subject: FILE_FINALIZED,
      data: new TextEncoder().encode(JSON.stringify(body)),
    }
    const first = await repository.finalize({ fileId, finalizedAtMs, event })
    if (first) {
      logger.info('file_finalized', { root: toHex(file.root), sizeBytes: file.sizeBytes })
      deps.onFinalized(file, finalizedAtMs)
    }
    return first
  }

  async function collectReceipts(file: FileRecord, ranges: readonly RangeRecord[]): Promise<void> {
    const segmentCount = segmentCountOf(file.sizeBytes)
    const wanted = ranges.flatMap((range) =>
      range.holdings
        .filter((holding) => holding.receipt === undefined && holding.stored === fullMask(segmentCount, range.rangeIndex))
        .map((holding): Wanted => ({ range, holding })),
    )
    for (let at = 0; at < wanted.length; at += RECEIPTS_AT_ONCE) {
      await Promise.all(wanted.slice(at, at + RECEIPTS_AT_ONCE).map((entry) => collectReceipt(file, entry)))
    }
  }

  /** A node that is silent or refuses costs its receipt only: the quorum decides. */
  async function collectReceipt(file: FileRecord, { range, holding }: Wanted): Promise<void> {
    const node = directory.find(holding.nodeId)
    if (node === undefined) return
    const segmentFirst = rangeFirst(range.rangeIndex)
    const length = rangeLength(segmentCountOf(file.sizeBytes), range.rangeIndex)
    const claim = { root: file.root, sizeBytes: file.sizeBytes, segmentFirst, segmentCount: length }
    const ref = { fileId: file.fileId, rangeIndex: range.rangeIndex, nodeId: holding.nodeId }
    try {
      const { signature, issuedAtMs } = await node.client.issueReceipt(claim)
      const receipt = { ...claim, chainId: deps.chainId, nodeId: fromHex(holding.nodeId), issuedAtMs, signature }
      if (!deps.verifyReceipt(receipt))
        throw new ZerogError('VERIFICATION_FAILED', { message: 'the signature of the receipt is wrong' })
      await repository.saveReceipt({ ...ref, segments: holding.stored, signature, issuedAtMs })
    } catch (error) {
      logger.warn('receipt_refused', { ...ref, error: String(error) })
      // It lost segments since it acknowledged them: forget its share, repair brings it back.
      if (error instanceof ZerogError && error.reason === 'WRONG_STATE') {
        await repository.clearStored({ ...ref, segments: holding.stored })
      }
    }
  }

  function poke(fileId: bigint): void {
    const present = running.get(fileId)
    if (present !== undefined) {
      present.again = true
      return
    }
    const entry = { again: false, done: Promise.resolve() }
    running.set(fileId, entry)
    entry.done = (async () => {
      do {
        entry.again = false
        await tryFinalize(fileId).catch((error) => logger.warn('finalize_failed', { fileId, error: String(error) }))
      } while (entry.again)
      running.delete(fileId)
    })()
  }

  return {
    tryFinalize,
    poke,
    async idle() {
      while (running.size > 0) await Promise.all([...running.values()].map((entry) => entry.done))
    },
  }
}

function lacking(fileId: bigint, ranges: readonly RangeRecord[], segmentCount: number): HoldingRef[] {
  return ranges.flatMap(({ rangeIndex, holdings }) =>
    holdings
      .filter((holding) => holding.stored !== fullMask(segmentCount, rangeIndex))
      .map(({ nodeId }) => ({ fileId, rangeIndex, nodeId })),
  )
}

export function rangeState(range: RangeRecord): RangeState {
  return {
    rangeIndex: range.rangeIndex,
    quorum: range.quorum,
    replicas: range.holdings.map((holding) => ({ stored: holding.stored, signed: holding.receipt !== undefined })),
  }
}
