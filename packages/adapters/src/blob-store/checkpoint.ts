import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { syncFolder } from '../folder.ts'
import type { IndexTable, Place } from './index-table.ts'

const MAGIC = 'zerog index 1\n\0\0'
const FIXED_BYTES = 16 + 4 + 4 + 8 + 8

export type Covered = {
  /** Everything before this place of the segments is in the checkpoint. */
  readonly segment: number
  readonly offset: number
  readonly sequenceNext: number
}

/**
 * Writes the index aside, so that a start reads the segments only from there on. The file is replaced in one step and only a
 * shortcut: without it, or when its checksum is wrong, all segments are scanned.
 */
export function writeCheckpoint(folder: string, index: IndexTable, covered: Covered): void {
  const file = join(folder, 'checkpoint')
  const fd = openSync(`${file}.new`, 'w', 0o600)
  try {
    let checksum = 0
    const emit = (bytes: Uint8Array) => {
      checksum = crc32(bytes, checksum)
      writeSync(fd, bytes)
    }
    emit(encodeFixed(index.count, covered))
    for (const chunk of encodeEntries(index)) emit(chunk)
    const end = Buffer.alloc(4)
    end.writeUInt32BE(checksum)
    writeSync(fd, end)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(`${file}.new`, file)
  syncFolder(folder)
}

/** What the checkpoint covers after its entries were given to `add`, or undefined if there is none that is whole. */
export function readCheckpoint(folder: string, add: (key: string, place: Place) => void): Covered | undefined {
  const file = join(folder, 'checkpoint')
  if (!existsSync(file)) return undefined
  const bytes = readFileSync(file)
  if (bytes.length < FIXED_BYTES + 4 || bytes.toString('latin1', 0, 16) !== MAGIC) return undefined
  const body = bytes.subarray(0, -4)
  if (crc32(body) !== bytes.readUInt32BE(body.length)) return undefined
  const count = Number(body.readBigUInt64BE(32))
  let offset = FIXED_BYTES
  for (let entry = 0; entry < count; entry++) {
    const keyLength = body.readUInt8(offset)
    const at = offset + 1 + keyLength
    add(body.toString('latin1', offset + 1, at), {
      segment: body.readUInt32BE(at),
      offset: body.readUInt32BE(at + 4),
      valueLength: body.readUInt32BE(at + 8),
      sequence: Number(body.readBigUInt64BE(at + 12)),
    })
    offset = at + 20
  }
  return { segment: body.readUInt32BE(16), offset: body.readUInt32BE(20), sequenceNext: Number(body.readBigUInt64BE(24)) }
}

function encodeFixed(count: number, { segment, offset, sequenceNext }: Covered): Buffer {
  const bytes = Buffer.alloc(FIXED_BYTES)
  bytes.write(MAGIC, 'latin1')
  bytes.writeUInt32BE(segment, 16)
  bytes.writeUInt32BE(offset, 20)
  bytes.writeBigUInt64BE(BigInt(sequenceNext), 24)
  bytes.writeBigUInt64BE(BigInt(count), 32)
  return bytes
}

function* encodeEntries(index: IndexTable): Generator<Buffer> {
  let chunk: Buffer[] = []
  for (const [key, place] of index.entries()) {
    const entry = Buffer.allocUnsafe(1 + key.length + 20)
    entry.writeUInt8(key.length)
    entry.write(key, 1, 'latin1')
    entry.writeUInt32BE(place.segment, 1 + key.length)
    entry.writeUInt32BE(place.offset, 5 + key.length)
    entry.writeUInt32BE(place.valueLength, 9 + key.length)
    entry.writeBigUInt64BE(BigInt(place.sequence), 13 + key.length)
    if (chunk.push(entry) === 4096) {
      yield Buffer.concat(chunk)
      chunk = []
    }
  }
  yield Buffer.concat(chunk)
}
