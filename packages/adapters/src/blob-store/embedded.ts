import { join } from 'node:path'
import type { BlobStore, Logger } from '@zerog/ports'
import { assert, equalBytes, toHex, ZerogError } from '@zerog/primitives'
import { folderError, lockFolder, makeFolder } from '../folder.ts'
import { BLOB_SEGMENT_BYTES } from '../limits.ts'
import { fromSortKey, toSortKey } from '../sorted-bytes.ts'
import { writeCheckpoint } from './checkpoint.ts'
import { compactSegment, findWaste } from './compact.ts'
import { encodeHead, recordLength } from './format.ts'
import { corrupt, readRange, readRecord, readValue } from './read.ts'
import { type Gap, recover } from './recover.ts'
import { assertBlob, assertBlobKey, checkBlobRange, otherBytesUnderKey } from './rules.ts'
import { SegmentFiles } from './segment-files.ts'
import { SpaceTable } from './space.ts'
import { SegmentWriter } from './writer.ts'

export type SegmentBlobStoreOptions = {
  /** Folder of this store; created with mode 0700. */
  readonly path: string
  /** A segment that reached this size is sealed. Default 256 MiB. */
  readonly segmentBytes?: number
  readonly logger?: Logger
}

/** BlobStore on append-only segment files with shared syncs. The layout is in format.ts, the reasons in ADR 0021. */
export function segmentBlobStore(options: SegmentBlobStoreOptions): BlobStore {
  const unlock = lockFolder(options.path)
  try {
    return new SegmentBlobStore(options, unlock)
  } catch (error) {
    unlock()
    throw folderError(error, options.path)
  }
}

class SegmentBlobStore implements BlobStore {
  readonly #path: string
  readonly #unlock: () => void
  readonly #logger: Logger | undefined
  readonly #files: SegmentFiles
  readonly #index
  readonly #space: SpaceTable
  readonly #writer: SegmentWriter
  readonly #gaps: readonly Gap[]
  readonly #busy = new Map<string, Promise<void>>()
  readonly #stop = new AbortController()
  readonly #uncompactable = new Set<number>()
  #compaction: Promise<void> | undefined
  #sequenceNext: number
  readonly #segmentBytes: number
  /** Given free since the last look for a segment to compact. */
  #wasteBytes = 0
  #closed = false

  constructor({ path, segmentBytes = BLOB_SEGMENT_BYTES, logger }: SegmentBlobStoreOptions, unlock: () => void) {
    this.#path = path
    this.#unlock = unlock
    this.#logger = logger
    this.#segmentBytes = segmentBytes
    const folder = join(path, 'segments')
    makeFolder(folder)
    this.#files = new SegmentFiles(folder)
    const { index, gaps, sequenceNext, tail } = recover(this.#files, logger)
    this.#index = index
    this.#gaps = gaps
    this.#sequenceNext = sequenceNext
    this.#space = SpaceTable.of(index)
    this.#writer = new SegmentWriter(this.#files, { tail, segmentBytes, sealed: () => this.#startCompaction() })
    this.#startCompaction()
  }

  async put(key: Uint8Array, value: Uint8Array): Promise<void> {
    assertBlob(key, value)
    await this.#exclusively(toSortKey(key), async (sortKey) => {
      if (this.#index.has(sortKey) && (await this.#holdsSame(sortKey, key, value))) return
      const sequence = this.#sequenceNext++
      const head = encodeHead(key, sequence, value)
      const length = head.length + value.length
      await this.#writer.append([head, value], length, ({ segment, offset }) => {
        this.#forget(sortKey)
        this.#index.set(sortKey, { segment, offset, valueLength: value.length, sequence })
        this.#space.add(segment, length)
      })
    })
  }

  has(key: Uint8Array): boolean {
    this.#assertOpen()
    assertBlobKey(key)
    return this.#index.has(toSortKey(key))
  }

  async get(key: Uint8Array, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array | undefined> {
    this.#assertOpen()
    assertBlobKey(key)
    const sortKey = toSortKey(key)
    for (;;) {
      const place = this.#index.get(sortKey)
      if (place === undefined) return this.#miss(key)
      if (range !== undefined) checkBlobRange(range, place.valueLength)
      try {
        return await (range === undefined ? readValue(this.#files, key, place) : readRange(this.#files, key, place, range))
      } catch (error) {
        // Compaction moved or a caller deleted it between the look-up and the read.
        const now = this.#index.get(sortKey)
        if (now?.segment === place.segment && now.offset === place.offset) throw error
      }
    }
  }

  async delete(key: Uint8Array): Promise<void> {
    assertBlobKey(key)
    await this.#exclusively(toSortKey(key), async (sortKey) => {
      if (!this.#index.has(sortKey)) return
      const head = encodeHead(key, this.#sequenceNext++, undefined)
      await this.#writer.append([head], head.length, () => {
        this.#forget(sortKey)
        this.#index.delete(sortKey)
      })
    })
    // Looking for a segment to compact reads the folder, so not after every delete.
    if (this.#wasteBytes * 4 > this.#segmentBytes) this.#startCompaction()
  }

  *keys(prefix: Uint8Array = new Uint8Array()): Generator<Uint8Array> {
    this.#assertOpen()
    for (const key of this.#index.sorted(toSortKey(prefix))) yield fromSortKey(key)
  }

  async *scrub(signal?: AbortSignal): AsyncGenerator<{ readonly key: Uint8Array; readonly problem: string }> {
    this.#assertOpen()
    for (const { segment, offset, length } of this.#gaps) {
      const problem = `${length} bytes at ${offset} of segment ${segment} are no record any more; which keys they held is not known`
      yield { key: new Uint8Array(), problem }
    }
    for (const sortKey of this.#index.sorted('')) {
      signal?.throwIfAborted()
      const key = fromSortKey(sortKey)
      const place = this.#index.get(sortKey)
      if (place === undefined) continue
      try {
        await readRecord(this.#files, key, place)
      } catch (error) {
        const moved = this.#index.get(sortKey)
        if (moved?.segment !== place.segment || moved.offset !== place.offset) continue
        if (!(error instanceof ZerogError)) throw error
        yield { key, problem: error.message }
      }
    }
  }

  stats() {
    return { count: this.#index.count, sizeBytes: this.#index.sizeBytes }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#stop.abort()
    try {
      await Promise.allSettled(this.#busy.values())
      await this.#compaction
      await this.#writer.close()
      const tail = this.#writer.tail
      if (tail !== undefined && this.#gaps.length === 0) {
        writeCheckpoint(this.#files.folder, this.#index, { ...tail, sequenceNext: this.#sequenceNext })
      }
    } finally {
      this.#files.closeAll()
      this.#unlock()
    }
  }

  /** One writer per key at a time; they queue up in order. */
  async #exclusively(sortKey: string, work: (sortKey: string) => Promise<void>): Promise<void> {
    for (;;) {
      this.#assertOpen()
      const other = this.#busy.get(sortKey)
      if (other === undefined) break
      await other.catch(() => {})
    }
    const mine = work(sortKey)
    this.#busy.set(sortKey, mine)
    try {
      await mine
    } finally {
      this.#busy.delete(sortKey)
    }
  }

  /** A damaged value is no obstacle: putting it again is how it heals. */
  async #holdsSame(sortKey: string, key: Uint8Array, value: Uint8Array): Promise<boolean> {
    const place = this.#index.get(sortKey)
    if (place === undefined) return false
    try {
      const present = await this.get(key)
      if (present === undefined) return false
      if (equalBytes(present, value)) return true
    } catch (error) {
      if (error instanceof ZerogError && error.reason === 'RECORD_CORRUPT') return false
      throw error
    }
    throw otherBytesUnderKey(toHex(key))
  }

  /** With a part of the log unreadable, "not there" would be a guess. */
  #miss(key: Uint8Array): undefined {
    const [gap] = this.#gaps
    if (gap === undefined) return undefined
    throw corrupt(this.#files, key, { ...gap, valueLength: 0, sequence: 0 }, 'it is not in the index but may have been')
  }

  #forget(sortKey: string) {
    const place = this.#index.get(sortKey)
    if (place === undefined) return
    const bytes = recordLength(sortKey.length, place.valueLength)
    this.#space.add(place.segment, -bytes)
    this.#wasteBytes += bytes
  }

  #startCompaction() {
    if (this.#closed || this.#compaction !== undefined) return
    this.#wasteBytes = 0
    this.#compaction = this.#compact().finally(() => {
      this.#compaction = undefined
    })
  }

  async #compact() {
    await Promise.resolve()
    const parts = { files: this.#files, index: this.#index, space: this.#space, writer: this.#writer, logger: this.#logger }
    while (!this.#stop.signal.aborted) {
      const segment = findWaste(parts, this.#uncompactable)
      if (segment === undefined) return
      if (!(await compactSegment(parts, segment, this.#stop.signal))) this.#uncompactable.add(segment)
    }
  }

  #assertOpen() {
    assert(!this.#closed, `the blob store ${this.#path} is closed`)
  }
}
