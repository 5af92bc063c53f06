import { toHex, ZerogError } from '@zerog/primitives'
import { codeOf } from '../folder.ts'
import { BLOCK_BYTES, blocksAreSound, decodeHead, headLength, headMatches, type RecordHead, recordLength } from './format.ts'
import type { Place } from './index-table.ts'
import { type BlobRange, checkBlobRange } from './rules.ts'
import type { SegmentFiles } from './segment-files.ts'

/** The whole record as it lies in the file, verified: what compaction moves. */
export async function readRecord(
  files: SegmentFiles,
  key: Uint8Array,
  place: Place,
): Promise<{ head: RecordHead; bytes: Buffer }> {
  const length = recordLength(key.length, place.valueLength)
  const bytes = await readBytes(files, key, place, place.offset, length)
  const head = soundHead(files, key, place, bytes)
  if (!blocksAreSound(head, 0, bytes.subarray(headLength(key.length, place.valueLength))))
    throw corrupt(files, key, place, 'its value')
  return { head, bytes }
}

export async function readValue(files: SegmentFiles, key: Uint8Array, place: Place): Promise<Uint8Array> {
  const { bytes } = await readRecord(files, key, place)
  const start = headLength(key.length, place.valueLength)
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, place.valueLength)
}

/** Reads and verifies only the blocks that the range touches. */
export async function readRange(files: SegmentFiles, key: Uint8Array, place: Place, range: BlobRange): Promise<Uint8Array> {
  checkBlobRange(range, place.valueLength)
  if (range.length === 0) return new Uint8Array()
  const start = headLength(key.length, place.valueLength)
  const blockFirst = Math.floor(range.offset / BLOCK_BYTES)
  const from = blockFirst * BLOCK_BYTES
  const to = Math.min(Math.ceil((range.offset + range.length) / BLOCK_BYTES) * BLOCK_BYTES, place.valueLength)
  const [headBytes, blocks] = await Promise.all([
    readBytes(files, key, place, place.offset, start),
    readBytes(files, key, place, place.offset + start + from, to - from),
  ])
  const head = soundHead(files, key, place, headBytes)
  if (!blocksAreSound(head, blockFirst, blocks)) throw corrupt(files, key, place, 'a block of its value')
  return new Uint8Array(blocks.buffer, blocks.byteOffset + range.offset - from, range.length)
}

export function corrupt(files: SegmentFiles, key: Uint8Array, place: Place, what: string): ZerogError {
  const metadata = { store: files.folder, key: toHex(key), segment: String(place.segment), offset: String(place.offset) }
  return new ZerogError('RECORD_CORRUPT', {
    message: `blob ${toHex(key)} in ${files.folder} is damaged on disk (${what} at ${place.offset} of segment ${place.segment}); put it again from another copy`,
    metadata,
  })
}

async function readBytes(files: SegmentFiles, key: Uint8Array, place: Place, offset: number, length: number): Promise<Buffer> {
  try {
    const bytes = await files.read(place.segment, offset, length)
    if (bytes.length === length) return bytes
  } catch (error) {
    // A segment that is gone or a sector that cannot be read is damage of this key, not of the store.
    const code = codeOf(error)
    if (code !== 'ENOENT' && code !== 'EIO') throw error
  }
  throw corrupt(files, key, place, 'it cannot be read')
}

function soundHead(files: SegmentFiles, key: Uint8Array, place: Place, bytes: Buffer): RecordHead {
  const head = decodeHead(bytes)
  if (head === undefined || !headMatches(head, key, place.valueLength, place.sequence))
    throw corrupt(files, key, place, 'its head')
  return head
}
