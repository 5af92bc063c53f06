import { assert, ZerogError } from '@zerog/primitives'
import { BLOB_KEY_BYTES_MAX, BLOB_VALUE_BYTES_MAX } from '../limits.ts'

export type BlobRange = { readonly offset: number; readonly length: number }

export function assertBlobKey(key: Uint8Array): void {
  assert(key.length >= 1 && key.length <= BLOB_KEY_BYTES_MAX, `a key of ${key.length} bytes is not in 1 to ${BLOB_KEY_BYTES_MAX}`)
}

export function assertBlob(key: Uint8Array, value: Uint8Array): void {
  assertBlobKey(key)
  assert(
    value.length >= 1 && value.length <= BLOB_VALUE_BYTES_MAX,
    `a value of ${value.length} bytes is not in 1 to ${BLOB_VALUE_BYTES_MAX}`,
  )
}

/** A range is part of a value that exists; asking for more than there is, is refused and never cut silently. */
export function checkBlobRange(range: BlobRange, valueLength: number): void {
  const { offset, length } = range
  if (!Number.isInteger(offset) || !Number.isInteger(length) || offset < 0 || length < 0 || offset + length > valueLength) {
    throw new ZerogError('INVALID_ARGUMENT', {
      message: `the range of ${length} bytes at ${offset} is not inside the value of ${valueLength} bytes`,
      metadata: { offset: String(offset), length: String(length), valueLength: String(valueLength) },
    })
  }
}

export function otherBytesUnderKey(keyHex: string): ZerogError {
  return new ZerogError('ALREADY_EXISTS', {
    message: `key ${keyHex} holds other bytes; a key is written once`,
    metadata: { key: keyHex },
  })
}
