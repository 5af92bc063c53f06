import type { Logger } from '@zerog/ports'
import { toSortKey } from '../sorted-bytes.ts'
import { decodeHead, HEAD_BYTES_MAX, recordLength, SEGMENT_HEADER } from './format.ts'
import type { IndexTable } from './index-table.ts'
import { readRecord } from './read.ts'
import type { SegmentFiles } from './segment-files.ts'
import type { SpaceTable } from './space.ts'
import type { SegmentWriter } from './writer.ts'

type Parts = {
  readonly files: SegmentFiles
  readonly index: IndexTable
  readonly space: SpaceTable
  readonly writer: SegmentWriter
  readonly logger?: Logger | undefined
}

/** The first sealed segment of which less than half is still in use. */
export function findWaste({ files, space, writer }: Parts, skip: ReadonlySet<number>): number | undefined {
  const active = writer.tail?.segment
  return files
    .list()
    .find(
      (segment) =>
        segment !== active && !skip.has(segment) && space.live(segment) * 2 < files.size(segment) - SEGMENT_HEADER.length,
    )
}

/**
 * Copies what is in use to the end of the log, record by record, with its sequence, and removes the file. A record that is
 * damaged stays where it is and keeps the file. Tombstones go along while an older segment may hold what they delete.
 */
export async function compactSegment(parts: Parts, segment: number, signal: AbortSignal): Promise<boolean> {
  const { files, index, space, writer, logger } = parts
  const lowest = files.list()[0] === segment
  let movedBytes = 0
  try {
    for await (const { offset, head } of headsOf(files, segment)) {
      if (signal.aborted) return false
      const key = toSortKey(head.key)
      const length = recordLength(head.key.length, head.valueLength)
      if (head.kind === 'put') {
        const place = index.get(key)
        if (place?.segment !== segment || place.offset !== offset) continue
        const { bytes } = await readRecord(files, head.key, place)
        await writer.append([bytes], length, (moved) => {
          // Deleted or replaced while it was copied: the copy is waste.
          if (index.get(key)?.sequence !== place.sequence) return
          index.set(key, { ...place, ...moved })
          space.add(segment, -length)
          space.add(moved.segment, length)
        })
      } else {
        if (lowest || index.has(key)) continue
        const bytes = await files.read(segment, offset, length)
        await writer.append([bytes], length, () => {})
      }
      movedBytes += length
    }
    if (space.live(segment) > 0) throw new Error(`${space.live(segment)} bytes in use were not found`)
  } catch (error) {
    logger?.error('blob_compaction_failed', { folder: files.folder, segment, error })
    return false
  }
  files.remove(segment)
  space.forget(segment)
  logger?.info('blob_segment_compacted', { folder: files.folder, segment, movedBytes })
  return true
}

/** Heads one after the other; throws where one is damaged. */
async function* headsOf(files: SegmentFiles, segment: number) {
  const size = files.size(segment)
  let offset = SEGMENT_HEADER.length
  while (offset < size) {
    const head = decodeHead(await files.read(segment, offset, Math.min(HEAD_BYTES_MAX, size - offset)))
    if (head === undefined) throw new Error(`no record at ${offset} of segment ${segment}`)
    yield { offset, head }
    offset += recordLength(head.key.length, head.valueLength)
  }
}
