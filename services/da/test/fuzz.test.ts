import { credentials, Client as GrpcClient, type ServiceError } from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ZerogError } from '@zerog/primitives'
import { BlobState } from '@zerog/proto/da'
import { DisperserDefinition } from '@zerog/proto/disperser'
import fc from 'fast-check'
import { bytesOf } from './support/members.ts'
import { type Pipeline, pipeline, retrieve, untilState, upload } from './support/pipeline.ts'

let open: Pipeline
let known: { readonly commitment: Buffer; readonly id: string }
beforeAll(async () => {
  open = await pipeline({ config: { publicPort: 0, publicWritesPerMinute: 0, publicReadsPerMinute: 0 } })
  const { blob } = await open.disperser.disperse(upload(bytesOf(5000, 1)))
  const final = await untilState(open, blob?.id ?? '', BlobState.BLOB_STATE_FINALIZED)
  known = { commitment: final.parts[0]?.header?.commitment as Buffer, id: final.id }
})
afterAll(() => open.close())

/** What may come of a request whatever its fields are. Anything else is our bug, and INTERNAL above all. */
const REFUSALS = ['INVALID_ARGUMENT', 'NOT_FOUND', 'LIMIT_EXCEEDED', 'ALREADY_EXISTS']

async function answered(work: Promise<unknown> | AsyncIterable<unknown>): Promise<void> {
  try {
    if (Symbol.asyncIterator in work) for await (const message of work) expect(message).toBeDefined()
    else expect(await work).toBeDefined()
  } catch (error) {
    expect(error).toBeInstanceOf(ZerogError)
    expect(REFUSALS).toContain((error as ZerogError).reason)
  }
}

function isMessage(type: { decode(input: Uint8Array): unknown }, input: Uint8Array): boolean {
  try {
    type.decode(input)
    return true
  } catch {
    return false
  }
}

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((value) => Buffer.from(value))
const uint32 = fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 0xffffffff }))
const uint64 = fc.oneof(fc.bigInt(0n, 10n), fc.bigInt(0n, 2n ** 64n - 1n))
/** Now and then one that exists, so that what comes behind the look-up is reached too. */
const commitment = fc.oneof(
  bytes(40),
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map((value) => Buffer.from(value)),
  fc.constant('known').map(() => known.commitment),
)
const id = fc.oneof(
  fc.string({ maxLength: 300, unit: 'binary' }),
  fc.constant('known').map(() => known.id),
)
const runs = { numRuns: 60 }

test('any message to the retriever is answered or refused by name', async () => {
  const header = fc.option(fc.record({ commitment, epoch: fc.oneof(fc.constant(5n), uint64), quorumId: uint64 }), {
    nil: undefined,
  })
  await fc.assert(
    fc.asyncProperty(header, uint64, uint64, async (each, offset, length) =>
      answered(open.retriever.retrieve({ header: each, offset, length })),
    ),
    runs,
  )
  const named = { commitment, epoch: fc.oneof(fc.constant(5n), uint64) }
  const indexes = fc.array(uint32, { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(fc.record({ ...named, indexes }), async (each) => answered(open.retriever.sampleRows(each))),
    runs,
  )
  await fc.assert(
    fc.asyncProperty(fc.record(named), async (each) => answered(open.retriever.getRlc(each))),
    runs,
  )
}, 60_000)

test('any messages to the disperser are answered or refused by name', async () => {
  const head = fc.record({
    sizeBytes: fc.oneof(fc.bigInt(0n, 400n), uint64),
    idempotencyKey: fc.string({ maxLength: 140, unit: 'binary' }),
    account: fc.oneof(bytes(30), fc.constant(Buffer.alloc(20))),
    retentionSeconds: uint32,
  })
  const message = fc.record({ options: fc.option(head, { nil: undefined, freq: 2 }), chunk: bytes(200) })
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 4 }), async (messages) => {
      async function* requests() {
        yield* messages
      }
      await answered(open.disperser.disperse(requests()))
    }),
    { numRuns: 150 },
  )
  await fc.assert(
    fc.asyncProperty(id, async (each) => answered(open.disperser.getBlob({ id: each }))),
    runs,
  )
  await fc.assert(
    fc.asyncProperty(commitment, uint64, async (each, epoch) =>
      answered(open.disperser.getCertificate({ commitment: each, epoch })),
    ),
    runs,
  )
  await fc.assert(
    fc.asyncProperty(uint64, uint32, async (sizeBytes, retentionSeconds) =>
      answered(open.disperser.getQuote({ sizeBytes, retentionSeconds })),
    ),
    runs,
  )
  await fc.assert(
    fc.asyncProperty(fc.option(uint64, { nil: undefined }), async (epoch) =>
      answered(open.disperser.getCommittee(epoch === undefined ? {} : { epoch })),
    ),
    runs,
  )
}, 60_000)

test("any bytes to 0G's interface are answered or refused, never as our bug", async () => {
  const client = new GrpcClient(open.faces().daDisperser ?? '', credentials.createInsecure())
  const call = (method: string, body: Buffer) =>
    new Promise<number>((resolve) => {
      const pass = (value: Buffer) => value
      client.makeUnaryRequest(
        `/disperser.Disperser/${method}`,
        pass,
        pass,
        body,
        { deadline: Date.now() + 20_000 },
        (error: ServiceError | null) => resolve(error === null ? 0 : error.code),
      )
    })
  const [OK, INVALID_ARGUMENT, NOT_FOUND, INTERNAL] = [0, 3, 5, 13]
  const seen = { read: new Set<number>(), unreadable: new Set<number>() }
  try {
    // Field numbers and wire types that exist, so that many of them are messages.
    const field = fc
      .tuple(fc.constantFrom(0x0a, 0x12, 0x08, 0x10, 0x18), bytes(60))
      .map(([tag, value]) =>
        tag === 0x0a || tag === 0x12
          ? Buffer.concat([Buffer.from([tag, value.length]), value])
          : Buffer.from([tag, value[0] ?? 0]),
      )
    const body = fc.oneof(
      bytes(100),
      fc.array(field, { maxLength: 4 }).map((fields) => Buffer.concat(fields)),
    )
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('disperseBlob', 'getBlobStatus', 'retrieveBlob'), body, async (key, each) => {
        const { name, requestType } = DisperserDefinition.methods[key]
        const code = await call(name, each)
        if (isMessage(requestType, each)) seen.read.add(code)
        else seen.unreadable.add(code)
      }),
      { numRuns: 300 },
    )
  } finally {
    client.close()
  }
  // What is no message is answered by grpc itself, before our code: INTERNAL is its word for that.
  expect([...seen.unreadable].filter((code) => ![INVALID_ARGUMENT, INTERNAL].includes(code))).toEqual([])
  expect([...seen.read].filter((code) => ![OK, INVALID_ARGUMENT, NOT_FOUND].includes(code))).toEqual([])
  expect([seen.read.size, seen.unreadable.size].every((size) => size > 0)).toBe(true)
}, 60_000)

test('and after all that a blob is dispersed and read', async () => {
  const data = bytesOf(3000, 9)
  const { blob } = await open.disperser.disperse(upload(data))
  expect((await retrieve(open, await untilState(open, blob?.id ?? '', BlobState.BLOB_STATE_FINALIZED))).equals(data)).toBe(true)
})
