import type { Logger } from '@zerog/ports'
import { type Budget, concatBytes, type Hex, SEGMENT_BYTES, ZerogError } from '@zerog/primitives'
import { quorumOf } from '../../core/durability.ts'
import { chooseNodes, type PlacementRequest } from '../../core/placement.ts'
import { fullMask, rangeLength, rangeOf, segmentBit } from '../../core/ranges.ts'
import { segmentCountOf } from '../../core/segment-count.ts'
import { CACHE_ENTRIES_MAX } from '../../limits.ts'
import type { FileRecord, RangeRecord, StorageRepository } from '../repository.ts'
import type { Segment } from '../segment.ts'
import { invalidSegment, type SegmentChecker, verifySegment } from '../verify.ts'
import { boundedCache } from './bounded-cache.ts'
import type { NodeDirectory } from './directory.ts'
import type { FileFinder } from './find-file.ts'
import type { Recorder } from './recorder.ts'

export type UploadOptions = {
  /** Nodes that get each range. Fewer where fewer exist. */
  readonly replicas: number
}

export type UploadDeps = {
  readonly repository: StorageRepository
  readonly directory: NodeDirectory
  readonly finder: FileFinder
  readonly recorder: Recorder
  readonly bytes: Budget
  readonly check: SegmentChecker
  readonly draw: PlacementRequest['draw']
  readonly logger: Logger
  /** A range of a file became whole on some node. */
  readonly onRangeStored: (fileId: bigint) => void
}

export type Uploader = {
  /** Resolves when the segment is durable on a quorum of nodes and that is recorded. */
  upload(request: {
    readonly segment: Segment
    readonly txSeq: number | undefined
    readonly signal: AbortSignal
  }): Promise<'stored' | 'duplicate'>
}

export function createUploader(options: UploadOptions, deps: UploadDeps): Uploader {
  const { repository, directory, recorder } = deps
  /** Placements are never changed by uploads; one that repair changed is found out by the mark that does not land. */
  const placements = boundedCache<RangeRecord>(CACHE_ENTRIES_MAX)

  async function placementOf(file: FileRecord, rangeIndex: number): Promise<RangeRecord> {
    const cacheKey = `${file.fileId}:${rangeIndex}`
    const known = placements.get(cacheKey)
    if (known !== undefined) return known
    const range = (await repository.range(file.fileId, rangeIndex)) ?? (await place(file, rangeIndex))
    placements.set(cacheKey, range)
    return range
  }

  async function place(file: FileRecord, rangeIndex: number): Promise<RangeRecord> {
    const replicas = Math.min(options.replicas, Math.max(directory.count(), 1))
    const quorum = quorumOf(replicas)
    if (directory.reachable().length < quorum) await directory.refresh()
    const nodeIds = candidates(file, rangeIndex, replicas)
    if (nodeIds.length < quorum) throw tooFewNodes(quorum, nodeIds.length)
    const placed = await repository.placeRange({ fileId: file.fileId, rangeIndex, quorum, nodeIds })
    if (placed === undefined) throw fileGone()
    return placed
  }

  /** Reachable nodes first; silent ones that are known fill up and are caught up by repair. */
  function candidates(file: FileRecord, rangeIndex: number, replicas: number): Hex[] {
    const seed = concatBytes(file.root, new Uint8Array([rangeIndex >>> 24, rangeIndex >>> 16, rangeIndex >>> 8, rangeIndex]))
    const neededBytes = rangeLength(segmentCountOf(file.sizeBytes), rangeIndex) * SEGMENT_BYTES
    const choose = (reachable: boolean, count: number) =>
      chooseNodes({
        seed,
        replicas: count,
        neededBytes: Math.min(neededBytes, file.sizeBytes),
        draw: deps.draw,
        candidates: directory
          .all()
          .filter((node) => node.reachable === reachable)
          .map(({ nodeId, stats }) => ({ nodeId, capacityBytes: stats.capacityBytes, usedBytes: stats.usedBytes })),
      })
    const first = choose(true, replicas)
    return first.length < replicas ? [...first, ...choose(false, replicas - first.length)] : first
  }

  /** Resolves at the quorum; `rest` when no replica is under way any more. */
  async function store(file: FileRecord, segment: Segment): Promise<{ readonly rest: Promise<void> }> {
    const rangeIndex = rangeOf(segment.index)
    const range = await placementOf(file, rangeIndex)
    // What the placement says of stored segments may be old: a node that has this one answers at once.
    const outcome = collectAcknowledgements(
      range.holdings.map(async ({ nodeId }) => {
        await putOn(nodeId, segment)
        return nodeId
      }),
    )
    await record(file, segment, await outcome.quorum(range.quorum))
    const rest = outcome.rest
      .then((late) => record(file, segment, late))
      .catch((error) => deps.logger.warn('late_replica_not_recorded', { error: String(error) }))
    return { rest }
  }

  async function record(file: FileRecord, segment: Segment, nodeIds: readonly Hex[]): Promise<void> {
    if (nodeIds.length === 0) return
    const rangeIndex = rangeOf(segment.index)
    const segments = segmentBit(segment.index)
    const stored = await recorder.record(nodeIds.map((nodeId) => ({ fileId: file.fileId, rangeIndex, nodeId, segments })))
    if (stored.includes(undefined)) {
      placements.delete(`${file.fileId}:${rangeIndex}`)
      throw fileGone()
    }
    if (stored.includes(fullMask(segmentCountOf(file.sizeBytes), rangeIndex))) deps.onRangeStored(file.fileId)
  }

  async function putOn(nodeId: Hex, segment: Segment): Promise<void> {
    const node = directory.find(nodeId)
    if (node === undefined || !node.reachable)
      throw new ZerogError('DEPENDENCY_UNAVAILABLE', { message: `storage node ${nodeId} is silent` })
    try {
      // Without the caller's signal: a segment that started on its way to the nodes is finished.
      await node.client.put(segment, { repair: false })
    } catch (error) {
      if (
        error instanceof ZerogError &&
        ['DEPENDENCY_UNAVAILABLE', 'DEADLINE_EXCEEDED', 'SHUTTING_DOWN'].includes(error.reason)
      ) {
        directory.suspect(nodeId)
      }
      throw error
    }
  }

  return {
    async upload({ segment, txSeq, signal }) {
      if (segment.data.length === 0) throw invalidSegment({ parameter: 'data', problem: 'data is empty' })
      const release = await deps.bytes.take(segment.data.length, signal)
      let underWay: Promise<void> | undefined
      try {
        const file = await deps.finder.forUpload(segment, txSeq)
        const verified = await verifySegment(segment, deps.check)
        if (file.finalizedAtMs !== undefined) return 'duplicate'
        underWay = (await store(file, verified)).rest
        return 'stored'
      } finally {
        if (underWay === undefined) release()
        else underWay.finally(release)
      }
    },
  }
}

/** Splits parallel work in "enough of it succeeded" and "the rest". */
function collectAcknowledgements(work: readonly Promise<Hex>[]) {
  const done: Hex[] = []
  const failures: unknown[] = []
  let taken = 0
  let wake = () => {}
  const all = Promise.all(
    work.map((promise) =>
      promise
        .then(
          (nodeId) => void done.push(nodeId),
          (error) => void failures.push(error),
        )
        .then(() => wake()),
    ),
  )
  return {
    /** Those that acknowledged when there were enough; throws the first failure when there cannot be enough. */
    async quorum(needed: number): Promise<readonly Hex[]> {
      while (done.length < needed) {
        if (work.length - failures.length < needed) {
          await all
          throw quorumFailed(needed, failures)
        }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      taken = done.length
      return done.slice()
    },
    /** Those that came later. */
    rest: all.then(() => done.slice(taken)),
  }
}

function quorumFailed(needed: number, failures: readonly unknown[]): ZerogError {
  const cause = failures[0]
  const reason = failures.every((error) => error instanceof ZerogError && error.reason === 'DISK_FULL')
    ? 'DISK_FULL'
    : 'DEPENDENCY_UNAVAILABLE'
  return new ZerogError(reason, {
    message: `the segment did not reach ${needed} storage nodes: ${cause instanceof Error ? cause.message : String(cause)}`,
    retryAfterMs: 1000,
    cause,
  })
}

function tooFewNodes(needed: number, found: number): ZerogError {
  return new ZerogError('DEPENDENCY_UNAVAILABLE', {
    message: `${needed} storage nodes with room are needed and ${found} answer; start more or wait`,
    metadata: { needed: String(needed), found: String(found) },
    retryAfterMs: 1000,
  })
}

function fileGone(): ZerogError {
  return new ZerogError('QUEUE_FULL', {
    message: 'the file expired while its segment arrived; send the segment again',
    retryAfterMs: 100,
  })
}
