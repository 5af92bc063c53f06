import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync } from 'node:fs'
import type { Logger } from '@zerog/ports'
import { toSortKey } from '../sorted-bytes.ts'
import { type Covered, readCheckpoint } from './checkpoint.ts'
import {
  blocksAreSound,
  decodeHead,
  HEAD_BYTES_MAX,
  headLength,
  RECORD_MAGIC_BYTES,
  type RecordHead,
  recordLength,
  SEGMENT_HEADER,
} from './format.ts'
import { IndexTable } from './index-table.ts'
import type { SegmentFiles } from './segment-files.ts'
import { readWatermark } from './watermark.ts'

/** Bytes inside the acknowledged part of a segment that are no record any more: which keys they held is not known. */
export type Gap = { readonly segment: number; readonly offset: number; readonly length: number }

export type Recovered = {
  readonly index: IndexTable
  readonly gaps: readonly Gap[]
  readonly sequenceNext: number
  /** Where the next record goes; undefined while there is no segment. */
  readonly tail: { readonly segment: number; readonly offset: number } | undefined
}

/**
 * Rebuilds the index from the checkpoint and the segments behind it. A torn end, which was never acknowledged, is cut off;
 * damage before it is kept and reported.
 */
export function recover(files: SegmentFiles, logger?: Logger): Recovered {
  const segments = files.list()
  let index = new IndexTable()
  let covered = readCheckpoint(files.folder, (key, place) => index.set(key, place))
  if (covered === undefined || !isPlausible(covered, segments, files)) {
    index = new IndexTable()
    covered = { segment: 0, offset: 0, sequenceNext: 1 }
  }
  const scan = new Scan(index, covered.sequenceNext)
  const last = segments.at(-1)
  let tailOffset = 0
  for (const segment of segments) {
    if (segment < covered.segment) continue
    const from = segment === covered.segment ? covered.offset : SEGMENT_HEADER.length
    const end = scan.segment(files, segment, from, acknowledgedEnd(files, segment, last, covered))
    if (segment === last) tailOffset = cutTail(files, segment, end, logger)
  }
  for (const gap of scan.gaps) logger?.error('blob_segment_damaged', { folder: files.folder, ...gap })
  return {
    index,
    gaps: scan.gaps,
    sequenceNext: scan.sequenceNext,
    tail: last === undefined ? undefined : { segment: last, offset: tailOffset },
  }
}

/** A checkpoint of other segments than these (a partial restore) is worse than none. */
function isPlausible(covered: Covered, segments: readonly number[], files: SegmentFiles): boolean {
  const last = segments.at(-1) ?? 0
  if (covered.segment > last) return false
  return !segments.includes(covered.segment) || covered.offset <= files.size(covered.segment)
}

/** Everything in a sealed segment was acknowledged; in the last one what the watermark or the checkpoint says. */
function acknowledgedEnd(files: SegmentFiles, segment: number, last: number | undefined, covered: Covered): number {
  if (segment !== last) return Number.POSITIVE_INFINITY
  const durable = readWatermark(files.folder)
  const byWatermark = durable?.segment === segment ? durable.offset : 0
  return Math.max(byWatermark, covered.segment === segment ? covered.offset : 0)
}

function cutTail(files: SegmentFiles, segment: number, end: number, logger: Logger | undefined): number {
  const fd = openSync(files.path(segment), 'r+')
  try {
    const { size } = fstatSync(fd)
    if (size > end) {
      logger?.info('blob_tail_cut', { folder: files.folder, segment, offset: end, length: size - end })
      ftruncateSync(fd, end)
    }
    // Whole records that a killed process had not synced yet are shown from now on, so they have to last.
    fsyncSync(fd)
    return end
  } finally {
    closeSync(fd)
  }
}

class Scan {
  readonly gaps: Gap[] = []
  readonly #index: IndexTable
  readonly #tombstones = new Map<string, number>()
  sequenceNext: number

  constructor(index: IndexTable, sequenceNext: number) {
    this.#index = index
    this.sequenceNext = sequenceNext
  }

  /** Reads heads from `from` on; gives the end of the last whole record, or of the acknowledged part if that lies behind it. */
  segment(files: SegmentFiles, segment: number, from: number, acknowledged: number): number {
    const window = new Window(files.path(segment))
    try {
      let offset = Math.max(from, Math.min(SEGMENT_HEADER.length, window.size))
      while (offset < window.size) {
        const head = window.headAt(offset)
        if (head !== undefined) {
          // What nobody was promised counts only if its value arrived, too.
          if (offset < acknowledged || window.valueIsSound(offset, head)) this.#apply(head, segment, offset)
          offset += recordLength(head.key.length, head.valueLength)
          continue
        }
        const next = window.nextHead(offset + 1)
        if (offset < acknowledged) this.gaps.push({ segment, offset, length: (next ?? window.size) - offset })
        else if (next === undefined) return offset
        offset = next ?? window.size
      }
      return window.size
    } finally {
      window.close()
    }
  }

  #apply(head: RecordHead, segment: number, offset: number) {
    const key = toSortKey(head.key)
    this.sequenceNext = Math.max(this.sequenceNext, head.sequence + 1)
    const known = Math.max(this.#index.get(key)?.sequence ?? 0, this.#tombstones.get(key) ?? 0)
    // Compaction moves records, so a lower sequence may come later in the files; an equal one is the moved copy itself.
    if (head.sequence < known) return
    if (head.kind === 'put') this.#index.set(key, { segment, offset, valueLength: head.valueLength, sequence: head.sequence })
    else {
      this.#index.delete(key)
      this.#tombstones.set(key, head.sequence)
    }
  }
}

const WINDOW_BYTES = 256 * 1024

/** A moving view of one file. */
class Window {
  readonly #fd: number
  readonly size: number
  #bytes = Buffer.alloc(0)
  #start = 0

  constructor(path: string) {
    this.#fd = openSync(path, 'r')
    this.size = fstatSync(this.#fd).size
  }

  /** The head of a record that lies whole inside the file. */
  headAt(offset: number): RecordHead | undefined {
    const head = decodeHead(this.#at(offset, HEAD_BYTES_MAX))
    if (head === undefined || offset + recordLength(head.key.length, head.valueLength) > this.size) return undefined
    return head
  }

  valueIsSound(offset: number, head: RecordHead): boolean {
    const bytes = Buffer.allocUnsafe(head.valueLength)
    readSync(this.#fd, bytes, 0, bytes.length, offset + headLength(head.key.length, head.valueLength))
    return blocksAreSound(head, 0, bytes)
  }

  nextHead(from: number): number | undefined {
    let offset = from
    while (offset < this.size) {
      const view = this.#at(offset, WINDOW_BYTES)
      const found = view.indexOf(RECORD_MAGIC_BYTES)
      if (found < 0) {
        offset += Math.max(1, view.length - (RECORD_MAGIC_BYTES.length - 1))
      } else if (this.headAt(offset + found) !== undefined) {
        return offset + found
      } else {
        offset += found + 1
      }
    }
    return undefined
  }

  close() {
    closeSync(this.#fd)
  }

  #at(offset: number, length: number): Buffer {
    const end = Math.min(offset + length, this.size)
    if (offset < this.#start || end > this.#start + this.#bytes.length) {
      const bytes = Buffer.allocUnsafe(Math.min(WINDOW_BYTES, this.size - offset))
      const read = readSync(this.#fd, bytes, 0, bytes.length, offset)
      this.#bytes = bytes.subarray(0, read)
      this.#start = offset
    }
    return this.#bytes.subarray(offset - this.#start, end - this.#start)
  }
}
