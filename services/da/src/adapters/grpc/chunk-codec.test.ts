import { expect, test } from '@jest/globals'
import { DisperseBundleRequest, DisperseRequest } from '@zerog/proto/da'
import fc from 'fast-check'
import { chunkCodec } from './chunk-codec.ts'

const codec = chunkCodec<DisperseRequest>(DisperseRequest)
const buffer = (maxLength: number) => fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes))
const options = fc.record({
  sizeBytes: fc.bigInt(0n, 2n ** 40n),
  idempotencyKey: fc.string({ maxLength: 20 }),
  account: buffer(20),
  retentionSeconds: fc.nat({ max: 2 ** 31 }),
})
const message = fc.record({ options: fc.option(options, { nil: undefined }), chunk: buffer(300) })

test('chunks are written as the generated codec writes them, byte by byte', () => {
  fc.assert(
    fc.property(message, (request) => {
      expect(Buffer.compare(codec.encode(request).finish(), DisperseRequest.encode(request).finish())).toBe(0)
    }),
  )
  const request = { task: undefined, chunk: Buffer.alloc(70_000, 7) }
  const bytes = chunkCodec<DisperseBundleRequest>(DisperseBundleRequest).encode(request).finish()
  expect(Buffer.compare(bytes, DisperseBundleRequest.encode(request).finish())).toBe(0)
})

test('whatever the generated codec makes of a message, a chunk as a view is the same', () => {
  const changed = fc.tuple(message, fc.array(fc.nat(), { maxLength: 4 })).map(([request, changes]) => {
    const bytes = Buffer.from(codec.encode(request).finish())
    for (const change of changes) if (bytes.length > 0) bytes[change % Math.min(bytes.length, 50)] = change >> 8
    return bytes.subarray(0, bytes.length - ((changes[0] ?? 0) % 3))
  })
  const double = fc.tuple(message, message).map((two) => Buffer.concat(two.map((request) => codec.encode(request).finish())))
  fc.assert(
    fc.property(fc.oneof(changed, double, fc.uint8Array({ maxLength: 40 })), (bytes) => {
      expect(outcomeOf(() => codec.decode(bytes))).toEqual(outcomeOf(() => DisperseRequest.decode(bytes)))
    }),
    { numRuns: 2_000 },
  )
})

test('a usual chunk is not copied', () => {
  const bytes = codec.encode({ options: undefined, chunk: Buffer.alloc(64, 7) }).finish()
  const { chunk } = codec.decode(bytes)
  bytes.fill(9)
  expect([...new Set(chunk)]).toEqual([9])
})

function outcomeOf(decode: () => DisperseRequest): unknown {
  try {
    return decode()
  } catch {
    return 'refused'
  }
}
