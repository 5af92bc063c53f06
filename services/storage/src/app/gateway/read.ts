import type { Clock, Logger } from '@zerog/ports'
import { SEGMENT_BYTES, ZerogError } from '@zerog/primitives'
import { maskHas, rangeOf, segmentBit } from '../../core/ranges.ts'
import { segmentCountOf } from '../../core/segment-count.ts'
import type { SegmentKey } from '../../core/segment-key.ts'
import { CACHE_ENTRIES_MAX, READ_AHEAD_SEGMENTS } from '../../limits.ts'
import type { FileRecord, HoldingRef, RangeRecord, StorageRepository } from '../repository.ts'
import type { Segment } from '../segment.ts'
import type { SegmentChecker } from '../verify.ts'
import { boundedCache } from './bounded-cache.ts'
import type { NodeDirectory } from './directory.ts'
import { hedged } from './hedge.ts'
import type { KnownNode } from './ports.ts'

export type ReadOptions = {
  /** A second replica is asked when the first did not answer in this time. */
  readonly hedgeMs: number
}

export type ReadDeps = {
  readonly repository: StorageRepository
  readonly directory: NodeDirectory
  readonly check: SegmentChecker
  readonly clock: Clock
  readonly logger: Logger
  /** A replica could not prove a segment that it is said to hold. */
  readonly onDamage: (ref: HoldingRef) => void
}

export type Reader = {
  /** A verified segment from any replica; undefined where none is said to hold it. VERIFICATION_FAILED where none could prove it. */
  segment(
    file: FileRecord,
    index: number,
    options: { readonly signal: AbortSignal; readonly except?: string },
  ): Promise<Segment | undefined>
  /** Verified bytes [offset, offset + length), in pieces of at most a segment. NOT_FOUND where a segment is not stored. */
  bytes(
    file: FileRecord,
    range: { readonly offset: number; readonly length: number },
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array>
}

/** Placements of files that are read; a holder that fails is taken out at once, others are learned after this time. */
const PLACEMENT_TTL_MS = 3000

export function createReader(options: ReadOptions, deps: ReadDeps): Reader {
  const { repository, directory, clock } = deps
  const placements = boundedCache<{ readonly range: RangeRecord; readonly untilMs: number }>(CACHE_ENTRIES_MAX)
  let drawn = 1

  async function placementOf(file: FileRecord, rangeIndex: number): Promise<RangeRecord | undefined> {
    const key = `${file.fileId}:${rangeIndex}`
    const known = placements.get(key)
    if (known !== undefined && known.untilMs > clock.monotonicMs()) return known.range
    const range = await repository.range(file.fileId, rangeIndex)
    // Only of final files: the others change with every upload.
    if (range !== undefined && file.finalizedAtMs !== undefined) {
      placements.set(key, { range, untilMs: clock.monotonicMs() + PLACEMENT_TTL_MS })
    }
    return range
  }

  async function segment(
    file: FileRecord,
    index: number,
    { signal, except }: { readonly signal: AbortSignal; readonly except?: string },
  ): Promise<Segment | undefined> {
    const rangeIndex = rangeOf(index)
    const range = await placementOf(file, rangeIndex)
    const holders = range?.holdings.filter((holding) => maskHas(holding.stored, index) && holding.nodeId !== except) ?? []
    if (holders.length === 0) return undefined
    const key = { root: file.root, sizeBytes: file.sizeBytes, index }
    const attempts = drawOrder(holders.flatMap((holding) => directory.find(holding.nodeId) ?? [])).map(
      (node) => (stop: AbortSignal) => fetchVerified({ node, key, fileId: file.fileId, stop }),
    )
    if (attempts.length === 0) throw noReplica(key, undefined)
    try {
      return await hedged(attempts, { delayMs: options.hedgeMs, clock, signal })
    } catch (error) {
      signal.throwIfAborted()
      throw noReplica(key, error)
    }
  }

  /**
   * Reachable ones from a drawn one on; silent ones last. Not in turn: a file of as many segments as it has replicas would meet the same
   * replica with the same segment for ever, and damage on the others would wait for a scrub.
   */
  function drawOrder(nodes: readonly KnownNode[]): readonly KnownNode[] {
    const first = nodes.filter((node) => node.reachable)
    // Linear congruential, after Numerical Recipes; its high bits are good enough to spread load.
    drawn = (Math.imul(drawn, 1_664_525) + 1_013_904_223) >>> 0
    const shift = first.length === 0 ? 0 : (drawn >>> 16) % first.length
    return [...first.slice(shift), ...first.slice(0, shift), ...nodes.filter((node) => !node.reachable)]
  }

  async function fetchVerified(from: {
    readonly node: KnownNode
    readonly key: SegmentKey
    readonly fileId: bigint
    readonly stop: AbortSignal
  }): Promise<Segment> {
    const { node, key, fileId, stop } = from
    try {
      const found = await node.client.get(key, stop)
      const problem = await deps.check({ ...key, proof: found.proof, data: found.data })
      if (problem === undefined) return { ...key, proof: found.proof, data: found.data }
      throw new ZerogError('VERIFICATION_FAILED', { message: `a replica sent a segment that is not of this file: ${problem}` })
    } catch (error) {
      if (!stop.aborted && isDamage(error)) {
        const rangeIndex = rangeOf(key.index)
        deps.logger.warn('replica_damaged', { nodeId: node.nodeId, index: key.index, error: String(error) })
        placements.delete(`${fileId}:${rangeIndex}`)
        const ref = { fileId, rangeIndex, nodeId: node.nodeId }
        await repository.clearStored({ ...ref, segments: segmentBit(key.index) })
        deps.onDamage(ref)
      }
      throw error
    }
  }

  async function* bytes(file: FileRecord, range: { readonly offset: number; readonly length: number }, signal: AbortSignal) {
    const end = range.offset + range.length
    const first = Math.floor(range.offset / SEGMENT_BYTES)
    const last = Math.min(Math.ceil(end / SEGMENT_BYTES), segmentCountOf(file.sizeBytes))
    const stop = new AbortController()
    const both = AbortSignal.any([signal, stop.signal])
    const ahead: Promise<Segment | undefined>[] = []
    let next = first
    const fetchNext = () => {
      if (next >= last) return
      const promise = segment(file, next++, { signal: both })
      promise.catch(() => {}) // looked at when its turn comes, or never
      ahead.push(promise)
    }
    try {
      for (let count = 0; count < READ_AHEAD_SEGMENTS; count++) fetchNext()
      for (let index = first; index < last; index++) {
        const found = await ahead.shift()
        if (found === undefined) throw notStored(index)
        fetchNext()
        const start = index * SEGMENT_BYTES
        yield found.data.subarray(Math.max(range.offset - start, 0), Math.min(end - start, found.data.length))
      }
    } finally {
      stop.abort()
    }
  }

  return { segment, bytes }
}

function isDamage(error: unknown): boolean {
  return error instanceof ZerogError && ['RECORD_CORRUPT', 'NOT_FOUND', 'VERIFICATION_FAILED'].includes(error.reason)
}

function notStored(index: number): ZerogError {
  return new ZerogError('NOT_FOUND', { message: `segment ${index} is not stored yet; the upload of this file is not complete` })
}

function noReplica(key: SegmentKey, cause: unknown): ZerogError {
  const damaged = isDamage(cause)
  return new ZerogError(damaged ? 'VERIFICATION_FAILED' : 'DEPENDENCY_UNAVAILABLE', {
    message: damaged
      ? `no replica of segment ${key.index} can prove it; its file must be uploaded again or a lost node brought back`
      : `no storage node that holds segment ${key.index} answers; try again`,
    metadata: { index: String(key.index) },
    ...(damaged ? {} : { retryAfterMs: 1000 }),
    cause,
  })
}
