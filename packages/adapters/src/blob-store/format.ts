import { crc32 } from 'node:zlib'
import { equalBytes } from '@zerog/primitives'
import { BLOB_KEY_BYTES_MAX, BLOB_VALUE_BYTES_MAX } from '../limits.ts'

/**
 * A segment file is a 16-byte header and then records, one after the other (integers big-endian):
 *
 *   0  u32 magic "ZGR1"          12 u64 sequence, grows with every put and delete; the highest of a key wins
 *   4  u8  kind                  20 u32 CRC-32 of bytes 0 to 19, the key and the block checksums
 *   5  u8  key length            24 key
 *   6  u16 0                     .. one u32 per 64 KiB block of the value: CRC-32 over key, sequence, block index and block
 *   8  u32 value length          .. value
 *
 * The head alone tells where the next record begins, so an index is rebuilt without reading values; a range needs only the
 * head and the blocks it touches. A block that turns up in another place fails its checksum.
 */
export const SEGMENT_HEADER = new Uint8Array(Buffer.from('zerog segment 1\n'))
export const RECORD_FIXED_BYTES = 24
export const BLOCK_BYTES = 64 * 1024
export const HEAD_BYTES_MAX = RECORD_FIXED_BYTES + BLOB_KEY_BYTES_MAX + 4 * (BLOB_VALUE_BYTES_MAX / BLOCK_BYTES)

const MAGIC = 0x5a475231
export const RECORD_MAGIC_BYTES = Buffer.from([0x5a, 0x47, 0x52, 0x31])
const KIND_PUT = 1
const KIND_TOMBSTONE = 2

export type RecordHead = {
  readonly kind: 'put' | 'tombstone'
  readonly key: Uint8Array
  readonly sequence: number
  readonly valueLength: number
  readonly blockChecksums: readonly number[]
}

export function blockCount(valueLength: number): number {
  return Math.ceil(valueLength / BLOCK_BYTES)
}

export function headLength(keyLength: number, valueLength: number): number {
  return RECORD_FIXED_BYTES + keyLength + 4 * blockCount(valueLength)
}

export function recordLength(keyLength: number, valueLength: number): number {
  return headLength(keyLength, valueLength) + valueLength
}

/** The head of a record for `value`, or of a tombstone without one. */
export function encodeHead(key: Uint8Array, sequence: number, value: Uint8Array | undefined): Buffer {
  const valueLength = value?.length ?? 0
  const head = Buffer.alloc(headLength(key.length, valueLength))
  head.writeUInt32BE(MAGIC, 0)
  head.writeUInt8(value === undefined ? KIND_TOMBSTONE : KIND_PUT, 4)
  head.writeUInt8(key.length, 5)
  head.writeUInt32BE(valueLength, 8)
  head.writeBigUInt64BE(BigInt(sequence), 12)
  head.set(key, RECORD_FIXED_BYTES)
  for (let index = 0; index < blockCount(valueLength); index++) {
    const block = (value as Uint8Array).subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES)
    head.writeUInt32BE(blockChecksum({ key, sequence }, index, block), RECORD_FIXED_BYTES + key.length + 4 * index)
  }
  head.writeUInt32BE(headChecksum(head), 20)
  return head
}

/** The head at the start of `bytes`, or undefined if it is cut short or damaged. Never throws. */
export function decodeHead(bytes: Buffer): RecordHead | undefined {
  if (bytes.length < RECORD_FIXED_BYTES || bytes.readUInt32BE(0) !== MAGIC) return undefined
  const kind = bytes.readUInt8(4)
  const keyLength = bytes.readUInt8(5)
  const valueLength = bytes.readUInt32BE(8)
  const sequence = bytes.readBigUInt64BE(12)
  const lengthsFit = keyLength >= 1 && keyLength <= BLOB_KEY_BYTES_MAX && valueLength <= BLOB_VALUE_BYTES_MAX
  if (!lengthsFit || (kind === KIND_PUT ? valueLength === 0 : kind !== KIND_TOMBSTONE || valueLength !== 0)) return undefined
  const length = headLength(keyLength, valueLength)
  if (bytes.length < length || sequence > BigInt(Number.MAX_SAFE_INTEGER)) return undefined
  const head = bytes.subarray(0, length)
  if (head.readUInt32BE(20) !== headChecksum(head)) return undefined
  const blockChecksums: number[] = []
  for (let offset = RECORD_FIXED_BYTES + keyLength; offset < length; offset += 4) blockChecksums.push(head.readUInt32BE(offset))
  return {
    kind: kind === KIND_PUT ? 'put' : 'tombstone',
    key: new Uint8Array(head.subarray(RECORD_FIXED_BYTES, RECORD_FIXED_BYTES + keyLength)),
    sequence: Number(sequence),
    valueLength,
    blockChecksums,
  }
}

/** Whether `bytes` are the blocks of the value from block `first` on, unchanged. */
export function blocksAreSound(head: RecordHead, first: number, bytes: Uint8Array): boolean {
  for (let index = 0; index * BLOCK_BYTES < bytes.length; index++) {
    const block = bytes.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES)
    if (blockChecksum(head, first + index, block) !== head.blockChecksums[first + index]) return false
  }
  return true
}

/** Whether a head read from disk is the one that the index expects there. */
export function headMatches(head: RecordHead, key: Uint8Array, valueLength: number, sequence: number): boolean {
  return head.kind === 'put' && head.valueLength === valueLength && head.sequence === sequence && equalBytes(head.key, key)
}

function headChecksum(head: Buffer): number {
  return crc32(head.subarray(RECORD_FIXED_BYTES), crc32(head.subarray(0, 20)))
}

function blockChecksum(
  { key, sequence }: { readonly key: Uint8Array; readonly sequence: number },
  index: number,
  block: Uint8Array,
): number {
  const place = Buffer.allocUnsafe(12)
  place.writeBigUInt64BE(BigInt(sequence), 0)
  place.writeUInt32BE(index, 8)
  return crc32(block, crc32(place, crc32(key)))
}
