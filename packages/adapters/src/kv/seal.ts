import { existsSync, readFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { decodeRecord, encodeRecord } from './record.ts'

/** A key that no table can have: names are not empty. Its value counts the commits. */
export const SEQUENCE_KEY = Buffer.from([0, ...Buffer.from('sequence')])

/**
 * The seal is a file beside the store that holds the last commit that was acknowledged. lmdb falls back to the previous
 * meta page when the newest one is damaged in the right places; the seal makes that visible instead of silent.
 * It is written without a sync: after a power cut it may be older than the store, never newer.
 */
export function sealBytes(sequence: bigint): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeBigUInt64BE(sequence)
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8)
  return bytes
}

/** 0 when there is no seal, or none that is whole. */
export function readSeal(file: string): bigint {
  if (!existsSync(file)) return 0n
  const bytes = readFileSync(file)
  if (bytes.length < 12 || bytes.readUInt32BE(8) !== crc32(bytes.subarray(0, 8))) return 0n
  return bytes.readBigUInt64BE()
}

export function sequenceRecord(sequence: bigint): Buffer {
  return encodeRecord(SEQUENCE_KEY, sealBytes(sequence).subarray(0, 8))
}

export function sequenceOf(record: Uint8Array): bigint | undefined {
  const value = decodeRecord(SEQUENCE_KEY, record)
  return value?.length === 8 ? Buffer.from(value).readBigUInt64BE() : undefined
}
