import { crc32 } from 'node:zlib'
import { assertKey, assertTable } from './rules.ts'

/**
 * A record of the store is keyed by `table 0x00 key` and holds `crc32(stored key, value)` big-endian in 4 bytes, then the value.
 * CRC-32 finds every damage that lies within 32 neighbouring bits, and any other with odds of 1 to 4,294,967,296 against it.
 * The key is part of it, so a record that turns up under another key is damaged too. It is no protection against an adversary
 * who can write the disk: what must hold against one carries its own hash (state root, file root).
 */
export const CHECKSUM_BYTES = 4

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
  record.set(value, CHECKSUM_BYTES)
  record.writeUInt32BE(crc32(value, crc32(stored)), 0)
  return record
}

/** The value in memory of its own, or undefined if the record is damaged. */
export function decodeRecord(stored: Uint8Array, record: Uint8Array): Uint8Array | undefined {
  if (record.length < CHECKSUM_BYTES) return undefined
  const expected = new DataView(record.buffer, record.byteOffset).getUint32(0)
  const value = record.subarray(CHECKSUM_BYTES)
  // Uint8Array.from, not slice: the slice of a Buffer would share its memory.
  return crc32(value, crc32(stored)) === expected ? new Uint8Array(value) : undefined
}

function join(prefix: Uint8Array, key: Uint8Array): Buffer {
  const stored = Buffer.allocUnsafe(prefix.length + key.length)
  stored.set(prefix)
  stored.set(key, prefix.length)
  return stored
}
