import { expect, test } from '@jest/globals'
import { PutRowsRequest } from '@zerog/proto/da'
import fc from 'fast-check'
import { encodePutRows } from './put-rows-codec.ts'

const buffer = (maxLength: number) => fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes))
const row = fc.record({ index: fc.nat({ max: 2 ** 32 - 1 }), data: buffer(300), path: buffer(200) })
const header = fc.record({
  bundle: fc.constant(undefined),
  rlc: buffer(400),
  rowRoot: buffer(32),
  rowCount: fc.nat({ max: 100_000 }),
})

test('rows are written as the generated codec writes them, byte by byte', () => {
  fc.assert(
    fc.property(fc.option(header, { nil: undefined }), fc.array(row, { maxLength: 5 }), (head, rows) => {
      const message = { header: head, rows }
      expect(Buffer.compare(encodePutRows(message), PutRowsRequest.encode(message).finish())).toBe(0)
    }),
  )
})

test('a row in shared memory is read from there', () => {
  const shared = Buffer.from(new SharedArrayBuffer(64)).fill(7)
  const rows = [{ index: 3, data: shared, path: Buffer.alloc(32) }]
  expect(PutRowsRequest.decode(encodePutRows({ header: undefined, rows })).rows[0]?.data.equals(Buffer.alloc(64, 7))).toBe(true)
})
