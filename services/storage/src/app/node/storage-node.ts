import type { BlobStore, Clock, Kv, Logger } from '@zerog/ports'
import { toHex, ZerogError } from '@zerog/primitives'
import type { Receipt } from '../../core/receipt.ts'
import {
  decodeSegmentKey,
  encodeFileKey,
  encodeSegmentKey,
  type FileKey,
  fileKeyText,
  type SegmentKey,
} from '../../core/segment-key.ts'
import { decodeSegmentRecord, encodeSegmentRecord } from '../../core/segment-record.ts'
import type { ReceiptSigner } from '../receipt-signer.ts'
import type { Segment } from '../segment.ts'
import { type SegmentChecker, verifySegment } from '../verify.ts'
import { type DamageList, damageList } from './damage-list.ts'
import { promises } from './promises.ts'

export type StorageNodeOptions = {
  readonly chainId: number
  /** Bytes that this node offers; further segments are refused. */
  readonly capacityBytes: number
}

export type StorageNodeDeps = {
  readonly blobs: BlobStore
  readonly kv: Kv
  readonly clock: Clock
  readonly logger: Logger
  readonly signer: ReceiptSigner
  readonly check: SegmentChecker
}

export type NodeStats = {
  readonly nodeId: Uint8Array
  readonly capacityBytes: number
  readonly usedBytes: number
  readonly segmentCount: number
  readonly damaged: readonly SegmentKey[]
  readonly damagedCount: number
}

export type StorageNode = {
  /** Durable when it resolves. PROOF_INVALID, INVALID_ARGUMENT for a segment that is not of its file; DISK_FULL. */
  put(segment: Segment, options?: { readonly repair?: boolean }): Promise<void>
  /** undefined where it is not here. RECORD_CORRUPT where the disk lies; it is on the list of damages then. */
  get(key: SegmentKey): Promise<Segment | undefined>
  list(file: FileKey): readonly number[]
  deleteFile(file: FileKey): Promise<number>
  /** WRONG_STATE while a segment is missing. */
  issueReceipt(range: FileKey & { readonly segmentFirst: number; readonly segmentCount: number }): Promise<Receipt>
  stats(): NodeStats
  /** Reads everything back, and looks for what was promised and is gone. Returns the number of damages that it found. */
  scrub(signal: AbortSignal): Promise<number>
}

/** Segments under their file's root, each verified on its way in, none acknowledged before it is durable. */
export function createStorageNode(options: StorageNodeOptions, deps: StorageNodeDeps): StorageNode {
  const { blobs, signer } = deps
  const damages: DamageList = damageList()
  const promised = promises(deps.kv)
  /** Puts that run, by file: a receipt must not count what is visible but not yet on disk. */
  const running = new Map<string, Set<Promise<void>>>()

  async function store(segment: Segment, repair: boolean): Promise<void> {
    const key = encodeSegmentKey(segment)
    const value = encodeSegmentRecord(segment)
    if (!blobs.has(key) && blobs.stats().sizeBytes + value.length > options.capacityBytes) {
      throw new ZerogError('DISK_FULL', {
        message: 'this storage node has given away all the room that it offers; raise capacityBytes or add nodes',
        metadata: { capacityBytes: String(options.capacityBytes) },
      })
    }
    if (repair || damages.has(segment)) await blobs.delete(key)
    try {
      await blobs.put(key, value)
    } catch (error) {
      // The record is a function of the key, so other bytes under it are damaged ones, and a verified copy is in our hands.
      if (!isDamage(error)) throw error
      await blobs.delete(key)
      await blobs.put(key, value)
    }
    damages.remove(segment)
  }

  async function get(key: SegmentKey): Promise<Segment | undefined> {
    const blobKey = encodeSegmentKey(key)
    try {
      const value = await blobs.get(blobKey)
      if (value === undefined) return undefined
      const record = decodeSegmentRecord(value)
      if (record === undefined) throw corrupt(blobKey)
      return { ...key, ...record }
    } catch (error) {
      if (isDamage(error)) damages.add(key)
      throw error
    }
  }

  return {
    async put(segment, { repair = false } = {}) {
      const verified = await verifySegment(segment, deps.check)
      const file = fileKeyText(segment)
      const work = store(verified, repair)
      const puts = running.get(file) ?? new Set()
      running.set(file, puts.add(work))
      try {
        await work
      } finally {
        puts.delete(work)
        if (puts.size === 0) running.delete(file)
      }
    },
    get,
    list: (file) => listSegments(blobs, file),
    async deleteFile(file) {
      const indexes = listSegments(blobs, file)
      await promised.forget(file)
      for (const index of indexes) {
        await blobs.delete(encodeSegmentKey({ ...file, index }))
        damages.remove({ ...file, index })
      }
      return indexes.length
    },
    async issueReceipt({ root, sizeBytes, segmentFirst, segmentCount }) {
      await Promise.allSettled([...(running.get(fileKeyText({ root, sizeBytes })) ?? [])])
      for (let index = segmentFirst; index < segmentFirst + segmentCount; index++) {
        const key = { root, sizeBytes, index }
        if (!blobs.has(encodeSegmentKey(key)) || damages.has(key)) throw missing(key)
      }
      const claim = { chainId: options.chainId, root, sizeBytes, segmentFirst, segmentCount, issuedAtMs: deps.clock.nowMs() }
      const receipt = signer.sign(claim)
      await promised.remember(receipt)
      return receipt
    },
    stats() {
      const { count, sizeBytes } = blobs.stats()
      return {
        nodeId: signer.nodeId,
        capacityBytes: options.capacityBytes,
        usedBytes: sizeBytes,
        segmentCount: count,
        damaged: damages.first(),
        damagedCount: damages.count(),
      }
    },
    async scrub(signal) {
      let found = 0
      const report = (key: SegmentKey, problem: string) => {
        found++
        damages.add(key)
        deps.logger.warn('segment_damaged', { root: toHex(key.root), index: key.index, problem })
      }
      for await (const damage of blobs.scrub(signal)) {
        const key = decodeSegmentKey(damage.key)
        if (key !== undefined) report(key, damage.problem)
      }
      for (const key of promised.segments()) {
        if (signal.aborted) break
        if (!blobs.has(encodeSegmentKey(key))) report(key, 'promised and not there')
      }
      return found
    },
  }
}

function listSegments(blobs: BlobStore, file: FileKey): number[] {
  return [...blobs.keys(encodeFileKey(file))].flatMap((key) => decodeSegmentKey(key)?.index ?? [])
}

function isDamage(error: unknown): boolean {
  return error instanceof ZerogError && (error.reason === 'RECORD_CORRUPT' || error.reason === 'ALREADY_EXISTS')
}

function corrupt(key: Uint8Array): ZerogError {
  return new ZerogError('RECORD_CORRUPT', {
    message: 'a stored segment cannot be decoded; it is read from another replica and repaired from there',
    metadata: { store: 'segments', key: toHex(key) },
  })
}

function missing(key: SegmentKey): ZerogError {
  return new ZerogError('WRONG_STATE', {
    message: `segment ${key.index} is not stored here, so nothing is signed`,
    metadata: { root: toHex(key.root), index: String(key.index) },
  })
}
