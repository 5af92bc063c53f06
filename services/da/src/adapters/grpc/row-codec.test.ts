import { expect, test } from '@jest/globals'
import { ZerogError } from '@zerog/primitives'
import { GetRowsResponse, PutRowsRequest, Row } from '@zerog/proto/da'
import fc from 'fast-check'
import { decodeCommitment, decodeIndexes, decodeRow, encodeRow } from './row-codec.ts'
import { decodeStatement } from './statement-codec.ts'

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((value) => Buffer.from(value))

/** Throws for reasons that name the field, or gives a value; never anything else. */
function reads<T>(decode: () => T): T | undefined {
  try {
    return decode()
  } catch (error) {
    expect(error).toBeInstanceOf(ZerogError)
    expect((error as ZerogError).reason).toBe('INVALID_ARGUMENT')
    return undefined
  }
}

test('rows come back as they were, and any other message is read or refused by name', () => {
  fc.assert(
    fc.property(fc.record({ index: fc.nat(), data: bytes(200), path: bytes(600) }), (message) => {
      const row = reads(() => decodeRow(message))
      expect(row === undefined).toBe(message.path.length % 32 !== 0 || message.path.length > 14 * 32)
      if (row !== undefined) expect(Row.encode(encodeRow(row)).finish()).toEqual(Row.encode(message).finish())
    }),
  )
})

test('bytes that are no message do not get past the decoders', () => {
  fc.assert(
    fc.property(bytes(300), (input) => {
      for (const codec of [PutRowsRequest, GetRowsResponse]) {
        let message: ReturnType<typeof codec.decode>
        try {
          message = codec.decode(input)
        } catch {
          continue // what the runtime answers with INVALID_ARGUMENT
        }
        for (const row of message.rows) reads(() => decodeRow(row))
        const { header } = message as Partial<PutRowsRequest>
        reads(() => decodeStatement(header?.bundle))
      }
    }),
  )
})

test('commitments and lists of rows have their lengths', () => {
  expect(() => decodeCommitment(new Uint8Array(31))).toThrow(ZerogError)
  expect(() => decodeIndexes(new Array(16_385).fill(0))).toThrow(ZerogError)
  const pooled = Buffer.alloc(64, 3).subarray(16, 48)
  expect(decodeCommitment(pooled).buffer.byteLength).toBe(32)
})
