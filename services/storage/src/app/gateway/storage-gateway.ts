import type { Bus, ChainClient, Clock, Leases, Logger, Meter } from '@zerog/ports'
import { budget, fromHex, type TreeHasher, ZerogError } from '@zerog/primitives'
import { durablePrefix } from '../../core/durability.ts'
import { drawBy } from '../../core/placement.ts'
import { rangeFirst, rangeLength } from '../../core/ranges.ts'
import type { Receipt } from '../../core/receipt.ts'
import { segmentCountOf } from '../../core/segment-count.ts'
import { REPAIRS_WAITING_MAX, UPLOAD_BYTES_IN_FLIGHT_MAX, UPLOAD_QUEUE_MAX } from '../../limits.ts'
import type { Checkpoint, HoldingRef, StorageRepository } from '../repository.ts'
import type { Segment } from '../segment.ts'
import type { SegmentChecker } from '../verify.ts'
import { nodeDirectory } from './directory.ts'
import { createFinalizer, rangeState } from './finalize.ts'
import { type FileRef, type FinderOptions, fileFinder, type SubmittedFile } from './find-file.ts'
import { createFlow, type Flow } from './flow.ts'
import { createFollower, type FollowerOptions } from './follow.ts'
import { runLoop, runLoopUnderLease } from './loop.ts'
import { gatewayMetrics } from './metrics.ts'
import type { KnownNode, NodeConnector } from './ports.ts'
import { createReader, type ReadOptions } from './read.ts'
import { recorder as createRecorder } from './recorder.ts'
import { createRepairer, type RepairOptions } from './repair.ts'
import { createSweeper } from './sweep.ts'
import { createUploader, type UploadOptions } from './upload.ts'

export type StorageGatewayOptions = FinderOptions &
  FollowerOptions &
  ReadOptions &
  RepairOptions &
  UploadOptions & {
    readonly chainId: number
    /** Names this process in leases. */
    readonly holder: string
    readonly nodeRefreshMs: number
    readonly jobIntervalMs: number
    readonly leaseTtlMs: number
  }

export type StorageGatewayDeps = {
  readonly repository: StorageRepository
  readonly chain: ChainClient
  readonly connector: NodeConnector
  readonly bus: Pick<Bus, 'publish'>
  readonly leases: Leases
  readonly clock: Clock
  readonly logger: Logger
  readonly meter: Meter
  readonly hasher: TreeHasher
  readonly check: SegmentChecker
  readonly verifyReceipt: (receipt: Receipt) => boolean
}

export type FileView = SubmittedFile & { readonly uploadedSegmentCount: number; readonly cached: boolean }

export type StorageStatus = {
  readonly position: Checkpoint | undefined
  readonly nextTxSeq: number
  readonly nodes: readonly KnownNode[]
  /** Nodes that each segment is placed on now. */
  readonly replicas: number
}

export type StorageGateway = {
  upload(request: {
    readonly segment: Segment
    readonly txSeq: number | undefined
    readonly signal: AbortSignal
  }): Promise<'stored' | 'duplicate'>
  file(ref: FileRef): Promise<FileView | undefined>
  receipts(ref: FileRef): Promise<readonly Receipt[]>
  /** Bytes of a finalized file. NOT_FOUND, WRONG_STATE, INVALID_ARGUMENT beyond its end. */
  read(
    ref: FileRef,
    range: { readonly offset: number; readonly length: number | undefined },
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array>
  /** Segments in order; ends early at one that is not stored. */
  segments(ref: FileRef, range: { readonly first: number; readonly count: number }, signal: AbortSignal): AsyncGenerator<Segment>
  readonly flow: Flow
  status(): Promise<StorageStatus>
  position(): Checkpoint | undefined
  /** Follows the chain and does the background work until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
  /** Waits for finalizations that run. */
  idle(): Promise<void>
}

export function createStorageGateway(options: StorageGatewayOptions, deps: StorageGatewayDeps): StorageGateway {
  const { repository, clock, logger } = deps
  const directory = nodeDirectory(deps)
  const draw = drawBy(deps.hasher.keccak256)
  const recorder = createRecorder(repository)
  const finder = fileFinder(options, { repository, nowMs: () => clock.nowMs() })
  const bytes = budget({ max: UPLOAD_BYTES_IN_FLIGHT_MAX, queueMax: UPLOAD_QUEUE_MAX })
  const metrics = gatewayMetrics(deps.meter, { bytes, directory })
  /** Replicas to complete soon: found damaged by a read, or needed for a file's last signatures. */
  const toRepair = new Map<string, HoldingRef>()
  const repairSoon = (ref: HoldingRef) => {
    if (toRepair.size < REPAIRS_WAITING_MAX) toRepair.set(`${ref.fileId}:${ref.rangeIndex}:${ref.nodeId}`, ref)
  }
  const finalizer = createFinalizer({
    ...deps,
    chainId: options.chainId,
    directory,
    onLacking: repairSoon,
    onFinalized: () => {
      metrics.filesFinalized.add()
      sweeper.publish().catch((error) => logger.warn('publish_failed', { error: String(error) }))
    },
  })
  const sweeper = createSweeper({ ...deps, directory, finalizer })
  const reader = createReader(options, {
    ...deps,
    directory,
    onDamage(ref) {
      metrics.damagedReplicas.add()
      repairSoon(ref)
    },
  })
  const repairer = createRepairer(options, {
    draw,
    ...deps,
    directory,
    reader,
    recorder,
    finalizer,
    repairedBytes: metrics.repairedBytes,
    metrics: metrics.repairs,
  })
  const uploader = createUploader(options, {
    draw,
    ...deps,
    directory,
    finder,
    recorder,
    bytes,
    onRangeStored: (fileId) => finalizer.poke(fileId),
  })
  const follower = createFollower(options, {
    ...deps,
    onSubmission(submission) {
      metrics.submissions.add()
      repository.file(submission).then(
        (file) => file !== undefined && finalizer.poke(file.fileId),
        (error) => logger.warn('finalize_failed', { error: String(error) }),
      )
    },
  })

  async function found(ref: FileRef): Promise<SubmittedFile> {
    const file = await finder.find(ref)
    if (file === undefined) throw new ZerogError('NOT_FOUND', { message: 'nothing was submitted under this root or number' })
    return file
  }

  /** Without waiting for the leader's round. What fails is found again, by a read or by the next try to finalize. */
  async function repairWaiting(signal: AbortSignal): Promise<void> {
    for (const [key, ref] of toRepair) {
      toRepair.delete(key)
      await repairer.repair(ref, signal).catch((error) => logger.warn('repair_failed', { ...ref, error: String(error) }))
    }
  }

  return {
    async upload(request) {
      const outcome = await uploader.upload(request)
      metrics.uploadedBytes.add(request.segment.data.length, { outcome })
      return outcome
    },
    async file(ref) {
      const submitted = await finder.find(ref)
      if (submitted === undefined) return undefined
      const { file } = submitted
      if (file.finalizedAtMs !== undefined) {
        return { ...submitted, cached: false, uploadedSegmentCount: segmentCountOf(file.sizeBytes) }
      }
      const ranges = await repository.ranges(file.fileId)
      return {
        ...submitted,
        cached: false,
        uploadedSegmentCount: durablePrefix(ranges.map(rangeState), segmentCountOf(file.sizeBytes)),
      }
    },
    async receipts(ref) {
      const { file } = await found(ref)
      const { root, sizeBytes } = file
      const ranges = await repository.ranges(file.fileId)
      return ranges.flatMap((range) =>
        range.holdings.flatMap(({ nodeId, receipt }) => {
          if (receipt === undefined) return []
          const segmentCount = rangeLength(segmentCountOf(sizeBytes), range.rangeIndex)
          const segmentFirst = rangeFirst(range.rangeIndex)
          return [{ chainId: options.chainId, nodeId: fromHex(nodeId), root, sizeBytes, segmentFirst, segmentCount, ...receipt }]
        }),
      )
    },
    async *read(ref, { offset, length }, signal) {
      const { file } = await found(ref)
      if (file.finalizedAtMs === undefined) throw notFinal()
      if (offset > file.sizeBytes) throw beyondEnd(file.sizeBytes)
      const end = Math.min(file.sizeBytes, offset + (length ?? file.sizeBytes))
      if (end === offset) return
      for await (const chunk of reader.bytes(file, { offset, length: end - offset }, signal)) {
        metrics.readBytes.add(chunk.length)
        yield chunk
      }
    },
    async *segments(ref, { first, count }, signal) {
      const { file } = await found(ref)
      const end = Math.min(first + count, segmentCountOf(file.sizeBytes))
      for (let index = first; index < end; index++) {
        const segment = await reader.segment(file, index, { signal })
        if (segment === undefined) return
        metrics.readBytes.add(segment.data.length)
        yield segment
      }
    },
    flow: createFlow({ ...deps, reader, finder }),
    status: async () => ({
      position: follower.position(),
      nextTxSeq: await repository.nextTxSeq(),
      nodes: directory.all(),
      replicas: Math.min(options.replicas, Math.max(directory.count(), 1)),
    }),
    position: follower.position,
    async run(signal) {
      const background = { clock, logger, signal }
      const leased = { ...background, leases: deps.leases, holder: options.holder, ttlMs: options.leaseTtlMs }
      const intervalMs = options.jobIntervalMs
      await directory.refresh()
      await Promise.all([
        runLoop({ name: 'storage_follow', intervalMs: 500, run: (stop) => follower.run(stop) }, background),
        runLoop({ name: 'storage_nodes', intervalMs: options.nodeRefreshMs, run: () => directory.refresh() }, background),
        runLoop({ name: 'storage_repair_soon', intervalMs, run: repairWaiting }, background),
        runLoopUnderLease({ name: 'storage_finalize', intervalMs, run: () => sweeper.finalizeRest() }, leased),
        runLoopUnderLease({ name: 'storage_outbox', intervalMs, run: () => sweeper.publish() }, leased),
        runLoopUnderLease({ name: 'storage_expire', intervalMs, run: () => sweeper.expire() }, leased),
        runLoopUnderLease({ name: 'storage_repair', intervalMs, run: (stop) => repairer.round(stop) }, leased),
      ])
    },
    idle: () => finalizer.idle(),
  }
}

function notFinal(): ZerogError {
  return new ZerogError('WRONG_STATE', { message: 'the file is not finalized yet; wait until all of its segments are uploaded' })
}

function beyondEnd(sizeBytes: number): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', {
    message: `the offset lies beyond the end of the file (${sizeBytes} bytes)`,
    metadata: { parameter: 'offset', sizeBytes: String(sizeBytes) },
  })
}
