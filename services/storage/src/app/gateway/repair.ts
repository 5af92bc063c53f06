import type { Clock, Counter, Logger } from '@zerog/ports'
import { type Hex, SEGMENT_BYTES } from '@zerog/primitives'
import { chooseNodes, type PlacementRequest } from '../../core/placement.ts'
import { fullMask, maskHas, rangeOf, segmentBit, segmentsOf } from '../../core/ranges.ts'
import { segmentCountOf } from '../../core/segment-count.ts'
import { JOB_BATCH_MAX } from '../../limits.ts'
import type { FileRecord, HoldingRef, StorageRepository } from '../repository.ts'
import type { NodeDirectory } from './directory.ts'
import type { Finalizer } from './finalize.ts'
import type { RepairMetrics } from './metrics.ts'
import type { Reader } from './read.ts'
import type { Recorder } from './recorder.ts'

export type RepairOptions = {
  readonly replicas: number
  /** A replica on a node that was silent for so long is rebuilt on another one. */
  readonly replaceAfterMs: number
}

export type RepairDeps = {
  readonly repository: StorageRepository
  readonly directory: NodeDirectory
  readonly reader: Reader
  readonly recorder: Recorder
  readonly finalizer: Finalizer
  readonly clock: Clock
  readonly logger: Logger
  readonly draw: PlacementRequest['draw']
  readonly repairedBytes: Counter
  readonly metrics: RepairMetrics
}

export type Repairer = {
  /** Copies what this replica lacks from the others. Returns the number of segments that were written. */
  repair(ref: HoldingRef, signal: AbortSignal): Promise<number>
  /** One round over everything that is damaged, thin or on lost nodes, at most a batch of each. */
  round(signal: AbortSignal): Promise<number>
}

export function createRepairer(options: RepairOptions, deps: RepairDeps): Repairer {
  const { repository, directory, reader, logger } = deps

  async function repair(ref: HoldingRef, signal: AbortSignal): Promise<number> {
    const file = await repository.fileById(ref.fileId)
    const range = file === undefined ? undefined : await repository.range(ref.fileId, ref.rangeIndex)
    const holding = range?.holdings.find((candidate) => candidate.nodeId === ref.nodeId)
    const node = directory.find(ref.nodeId)
    if (file === undefined || holding === undefined || node?.reachable !== true) return 0
    let written = 0
    for (const index of segmentsOf(fullMask(segmentCountOf(file.sizeBytes), ref.rangeIndex) & ~holding.stored, ref.rangeIndex)) {
      if (signal.aborted) break
      if (await copySegment(file, { ...ref, index }, signal)) written++
    }
    if (written > 0) {
      logger.info('replica_repaired', { fileId: ref.fileId, rangeIndex: ref.rangeIndex, nodeId: ref.nodeId, segments: written })
      deps.finalizer.poke(ref.fileId)
    }
    return written
  }

  async function copySegment(
    file: FileRecord,
    to: HoldingRef & { readonly index: number },
    signal: AbortSignal,
  ): Promise<boolean> {
    const segment = await reader.segment(file, to.index, { signal, except: to.nodeId })
    const node = directory.find(to.nodeId)
    if (segment === undefined || node === undefined) return false
    await node.client.put(segment, { repair: true, signal })
    await deps.recorder.record([{ ...to, segments: segmentBit(to.index) }])
    deps.repairedBytes.add(segment.data.length)
    return true
  }

  /** What the nodes' own scrubs found. */
  async function takeReports(): Promise<void> {
    for (const node of directory.reachable()) {
      for (const key of node.stats.damaged) {
        const file = await repository.file(key)
        if (file === undefined) continue
        const rangeIndex = rangeOf(key.index)
        const range = await repository.range(file.fileId, rangeIndex)
        const holding = range?.holdings.find((candidate) => candidate.nodeId === node.nodeId)
        if (holding === undefined || !maskHas(holding.stored, key.index)) continue
        const ref = { fileId: file.fileId, rangeIndex, nodeId: node.nodeId }
        await repository.clearStored({ ...ref, segments: segmentBit(key.index) })
      }
    }
  }

  async function thicken(): Promise<void> {
    const replicas = Math.min(options.replicas, directory.reachable().length)
    for (const at of await repository.thin(replicas, JOB_BATCH_MAX)) {
      const nodeId = await freshNode(at)
      if (nodeId !== undefined) await repository.addHolding({ ...at, nodeId })
    }
  }

  /** Replicas of nodes that were silent for too long are placed anew; the new ones are incomplete and get filled. */
  async function replaceLost(): Promise<void> {
    for (const nodeId of await repository.holders()) {
      if (directory.find(nodeId)?.reachable === true || directory.silentForMs(nodeId) < options.replaceAfterMs) continue
      for (const ref of await repository.heldBy(nodeId, JOB_BATCH_MAX)) {
        const by = await freshNode(ref)
        if (by === undefined) break
        await repository.replaceHolding({ ...ref, by })
        logger.warn('replica_replaced', { fileId: ref.fileId, rangeIndex: ref.rangeIndex, nodeId, by })
      }
    }
  }

  /** A reachable node with room that does not hold the range. */
  async function freshNode(at: { readonly fileId: bigint; readonly rangeIndex: number }): Promise<Hex | undefined> {
    const file = await repository.fileById(at.fileId)
    const range = await repository.range(at.fileId, at.rangeIndex)
    if (file === undefined || range === undefined) return undefined
    const held = new Set(range.holdings.map((holding) => holding.nodeId))
    const candidates = directory
      .reachable()
      .filter((node) => !held.has(node.nodeId))
      .map(({ nodeId, stats }) => ({ nodeId, capacityBytes: stats.capacityBytes, usedBytes: stats.usedBytes }))
    const neededBytes = Math.min(
      file.sizeBytes,
      segmentsOf(fullMask(segmentCountOf(file.sizeBytes), at.rangeIndex), 0).length * SEGMENT_BYTES,
    )
    return chooseNodes({ seed: file.root, candidates, replicas: 1, neededBytes, draw: deps.draw })[0]
  }

  /** What repair has not brought about yet. Another gateway that leads from now on shows its own. */
  async function show(signal: AbortSignal): Promise<void> {
    const { lacking, incomplete, lost } = deps.metrics
    lacking.set((await repository.thin(options.replicas, JOB_BATCH_MAX)).length)
    incomplete.set((await repository.incomplete(JOB_BATCH_MAX)).length)
    let unreachable = 0
    for (const nodeId of await repository.holders()) {
      if (directory.find(nodeId)?.reachable !== true) unreachable += (await repository.heldBy(nodeId, JOB_BATCH_MAX)).length
    }
    lost.set(unreachable)
    const forget = () => {
      for (const gauge of [lacking, incomplete, lost]) gauge.set(0)
    }
    if (signal.aborted) forget()
    else if (signal !== shownUntil) signal.addEventListener('abort', forget, { once: true })
    shownUntil = signal
  }
  let shownUntil: AbortSignal | undefined

  return {
    repair,
    async round(signal) {
      await takeReports()
      await replaceLost()
      await thicken()
      let written = 0
      for (const ref of await repository.incomplete(JOB_BATCH_MAX)) {
        if (signal.aborted) break
        written += await repair(ref, signal).catch((error) => {
          logger.warn('repair_failed', {
            fileId: ref.fileId,
            rangeIndex: ref.rangeIndex,
            nodeId: ref.nodeId,
            error: String(error),
          })
          return 0
        })
      }
      await show(signal)
      return written
    },
  }
}
