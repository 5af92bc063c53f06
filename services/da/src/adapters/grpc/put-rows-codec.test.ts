import { expect, test } from '@jest/globals'
import { PutRowsRequest } from '@zerog/proto/da'
import fc from 'fast-check'
import { decodePutRows, encodePutRows } from './put-rows-codec.ts'

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

test('whatever the generated codec makes of a message, rows as views are the same', () => {
  const mixed = fc.tuple(
    fc.option(header, { nil: undefined }),
    fc.array(row, { maxLength: 4 }),
    fc.array(fc.nat(), { maxLength: 6 }),
  )
  const whole = mixed.map(([head, rows, cuts]) => mutate(encodePutRows({ header: head, rows }), cuts))
  fc.assert(
    fc.property(fc.oneof(whole, fc.uint8Array({ maxLength: 60 })), (bytes) => {
      expect(outcomeOf(() => decodePutRows(bytes))).toEqual(outcomeOf(() => PutRowsRequest.decode(bytes)))
    }),
    { numRuns: 2_000 },
  )
})

test('fields in another order, twice, unknown or longer than needed are read as the generated codec reads them', () => {
  for (const text of [
    '12030a0102', // a row whose first field has another type
    '1204080108021202', // the index twice, and a row that is cut off
    '1207120101080512010a', // data before the index
    '12048100' + '0801', // a length with a superfluous byte
    '12060880808080' + '01', // an index of five bytes
    '1a0101' + '12020801', // an unknown field before the rows
    '0a000a00', // two headers
    '12020801' + '0a00', // a header behind the rows
    '1203120500', // data that ends behind its row
    '1200' + '12041200' + '1a00', // nothing, and nothing in so many words
  ]) {
    const bytes = Buffer.from(text, 'hex')
    expect([text, outcomeOf(() => decodePutRows(bytes))]).toEqual([text, outcomeOf(() => PutRowsRequest.decode(bytes))])
  }
})

test('a usual message is not copied', () => {
  const bytes = encodePutRows({ header: undefined, rows: [{ index: 3, data: Buffer.alloc(64, 7), path: Buffer.alloc(32, 8) }] })
  const [read] = decodePutRows(bytes).rows
  bytes.fill(9)
  expect([...new Set([...(read?.data ?? []), ...(read?.path ?? [])])]).toEqual([9])
})

/** Some bytes changed, and at times the end cut off. */
function mutate(bytes: Uint8Array, cuts: readonly number[]): Uint8Array {
  const changed = new Uint8Array(bytes)
  for (const cut of cuts.slice(1)) if (changed.length > 0) changed[cut % Math.min(changed.length, 40)] = cut >> 8
  return (cuts[0] ?? 1) % 5 === 0 ? changed.subarray(0, changed.length - ((cuts[0] ?? 0) % 7)) : changed
}

function outcomeOf(decode: () => PutRowsRequest): unknown {
  try {
    return decode()
  } catch {
    return 'refused'
  }
}
