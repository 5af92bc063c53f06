import { crc32 } from 'node:zlib'
import { assertKey, assertTable } from './rules.ts'

/**
 * A record of the store is keyed by `table 0x00 key` and holds, big-endian in 4 bytes each, `crc32(stored key)` and
 * `crc32(stored key, value)`, then the value. The second one proves the record; it covers the key, so a record that turns up under
 * another key is damaged, too. When it fails, the first one tells whether the value was damaged or the key: then the
 * right key is missing from the tree, and nobody who asks for it would notice.
 *
 * CRC-32 finds every damage that lies within 32 neighbouring bits, and any other with odds of 1 to 4,294,967,296 against it.
 * It is no protection against an adversary who can write the disk: what must hold against one carries its own hash (state root, file root).
 */
const CHECKSUM_BYTES = 8

const prefixes = new Map<string, Uint8Array>()

export function tablePrefix(table: string): Uint8Array {
  let prefix = prefixes.get(table)
  if (prefix === undefined) {
    assertTable(table)
    prefix = new Uint8Array(Buffer.from(`${table}\0`, 'latin1'))
    prefixes.set(table, prefix)
  }
  return prefix
}

export function storedKey(table: string, key: Uint8Array): Buffer {
  assertKey(key)
  return join(tablePrefix(table), key)
}

/** The first stored key after all of a table's. */
export function afterTable(table: string): Buffer {
  const end = Buffer.from(tablePrefix(table))
  end[end.length - 1] = 1
  return end
}

export function splitStoredKey(stored: Uint8Array): { readonly table: string; readonly key: Uint8Array } {
  const zero = stored.indexOf(0)
  return {
    table: Buffer.from(stored.subarray(0, Math.max(0, zero))).toString('latin1'),
    key: new Uint8Array(stored.subarray(zero + 1)),
  }
}

export function encodeRecord(stored: Uint8Array, value: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(CHECKSUM_BYTES + value.length)
  const keyChecksum = crc32(stored)
  record.writeUInt32BE(keyChecksum, 0)
  record.writeUInt32BE(crc32(value, keyChecksum), 4)
  record.set(value, CHECKSUM_BYTES)
  return record
}

/** The value in memory of its own, or undefined if the record is damaged. */
export function decodeRecord(stored: Uint8Array, record: Uint8Array): Uint8Array | undefined {
  if (record.length < CHECKSUM_BYTES) return undefined
  const value = record.subarray(CHECKSUM_BYTES)
  // A new Uint8Array, not slice: the slice of a Buffer would share its memory.
  return crc32(value, crc32(stored)) === checksumAt(record, 4) ? new Uint8Array(value) : undefined
}

/** The value of a record that was never on disk, in memory of its own. */
export function valueIn(record: Uint8Array): Uint8Array {
  return new Uint8Array(record.subarray(CHECKSUM_BYTES))
}

/** Of a damaged record: whether at least its key is the one that was written. */
export function keyIsSound(stored: Uint8Array, record: Uint8Array): boolean {
  return record.length >= CHECKSUM_BYTES && crc32(stored) === checksumAt(record, 0)
}

function checksumAt(record: Uint8Array, offset: number): number {
  return new DataView(record.buffer, record.byteOffset).getUint32(offset)
}

function join(prefix: Uint8Array, key: Uint8Array): Buffer {
  const stored = Buffer.allocUnsafe(prefix.length + key.length)
  stored.set(prefix)
  stored.set(key, prefix.length)
  return stored
}
