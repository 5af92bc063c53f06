import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { buildFileTree, SEGMENT_BYTES } from '@zerog/primitives'
import type { FileRef, Segment } from '@zerog/proto/storage'
import { verifyReceipt } from '../src/adapters/identity/receipt-signer.ts'
import { collect, eventually, type Installation, installation, lcg, segmentsOf, uploads } from './support/installation.ts'

// Hashing threads start slowly on a busy machine.
jest.setTimeout(300_000)

let running: Installation
afterEach(() => running?.close())

const byRoot = (data: Uint8Array): FileRef => ({ ref: { $case: 'root', value: Buffer.from(buildFileTree(data).root) } })
const whole = { offset: 0n, length: 0n }
const info = async (file: FileRef) => (await running.storage.getFile({ file, needAvailable: true })).file

async function submit(data: Uint8Array): Promise<{ file: FileRef; txSeq: number }> {
  const txSeq = running.chain.submit(data)
  const file: FileRef = { ref: { $case: 'txSeq', value: BigInt(txSeq) } }
  await eventually(() => info(file))
  return { file, txSeq }
}

async function store(data: Uint8Array): Promise<FileRef> {
  const { file, txSeq } = await submit(data)
  await running.storage.uploadSegments(uploads(segmentsOf(data), txSeq))
  await final(file)
  return file
}

const final = (file: FileRef) => eventually(async () => (await info(file))?.finalized || undefined)
const read = (file: FileRef, range = whole) => collect(running.storage.readFile({ file, ...range }))

describe('a submitted file', () => {
  test('is finalized by signed receipts of a quorum, and every byte range of it reads back', async () => {
    running = await installation()
    const data = lcg(3 * SEGMENT_BYTES + 1000)
    const { file, txSeq } = await submit(data)
    const segments = segmentsOf(data)
    await running.storage.uploadSegments(uploads(segments.slice(0, 2), txSeq))
    expect(await info(file)).toMatchObject({
      finalized: false,
      uploadedSegmentCount: 2,
      segmentCount: 4,
      sizeBytes: BigInt(data.length),
    })
    await running.storage.uploadSegments(uploads(segments, txSeq))
    await final(file)
    expect(await read(file)).toEqual(Buffer.from(data))
    for (const [offset, length] of [
      [0, 1],
      [262_100, 100],
      [262_144, 262_144],
      [data.length - 1, 1],
      [data.length - 5, 100],
      [data.length, 10],
    ] as const) {
      const expected = Buffer.from(data.subarray(offset, offset + length))
      expect(await read(file, { offset: BigInt(offset), length: BigInt(length) })).toEqual(expected)
    }
    await expect(read(file, { offset: BigInt(data.length + 1), length: 1n })).rejects.toMatchObject({
      reason: 'INVALID_ARGUMENT',
    })
    const { receipts } = await running.storage.listReceipts({ file })
    expect(receipts.length).toBeGreaterThanOrEqual(2)
    const [receipt] = receipts.map((message) => ({
      ...message,
      chainId: Number(message.chainId),
      sizeBytes: Number(message.sizeBytes),
      issuedAtMs: Number(message.issuedAtMs),
    }))
    if (receipt === undefined) throw new Error('no receipt')
    expect(verifyReceipt(receipt)).toBe(true)
    expect(verifyReceipt({ ...receipt, segmentCount: receipt.segmentCount - 1 })).toBe(false)
    expect(verifyReceipt({ ...receipt, chainId: 1 })).toBe(false)
  })

  test('cannot be read before it is final, and says so', async () => {
    running = await installation({ nodes: 1 })
    const { file } = await submit(lcg(1000))
    await expect(read(file)).rejects.toMatchObject({ reason: 'WRONG_STATE' })
    await expect(read(byRoot(lcg(5)))).rejects.toMatchObject({ reason: 'NOT_FOUND' })
  })

  test('of content that is stored already is final without an upload', async () => {
    running = await installation({ nodes: 1 })
    const data = lcg(1000)
    await store(data)
    const { file } = await submit(data)
    await final(file)
    expect(await info(file)).toMatchObject({ txSeq: 1n, finalized: true, uploadedSegmentCount: 1 })
    expect(await info(byRoot(data))).toMatchObject({ txSeq: 0n })
  })

  test('announces itself on the bus once it is final', async () => {
    running = await installation({ nodes: 1 })
    const events: string[] = []
    await running.world.bus.subscribe({ subject: 'zerog.storage.v1.file_finalized', consumer: 'test' }, async ({ data }) => {
      events.push(Buffer.from(data).toString())
    })
    await store(lcg(1000))
    await eventually(async () => events.length > 0 || undefined)
    expect(JSON.parse(events[0] ?? '')).toMatchObject({ v: 1, sizeBytes: 1000 })
  })
})

describe('segments that arrive before the submission', () => {
  test('are kept and finalize the file as soon as it is seen', async () => {
    running = await installation()
    const data = lcg(300_000)
    await running.storage.uploadSegments(uploads(segmentsOf(data)))
    expect(await info(byRoot(data))).toBeUndefined()
    const { file } = await submit(data)
    await final(file)
    expect(await read(file)).toEqual(Buffer.from(data))
  })

  test('are forgotten on every node when no submission comes, and may come again', async () => {
    running = await installation({ config: { unsubmittedTtlMs: 1000 } })
    const data = lcg(300_000)
    await running.storage.uploadSegments(uploads(segmentsOf(data)))
    expect(running.blobs.filter((disk) => disk.stats().count === 2).length).toBeGreaterThanOrEqual(2)
    await eventually(async () => running.blobs.every((disk) => disk.stats().count === 0) || undefined)
    await eventually(async () => (await running.repository.deletions(1)).length === 0 || undefined)
    await running.storage.uploadSegments(uploads(segmentsOf(data)))
    const { file } = await submit(data)
    await final(file)
  })

  test('of a large file are refused', async () => {
    running = await installation({ nodes: 1, config: { unsubmittedFileBytesMax: 1000 } })
    await expect(running.storage.uploadSegments(uploads(segmentsOf(lcg(1001))))).rejects.toMatchObject({
      metadata: { parameter: 'file_size', problem: 'caching of large file when tx is unavailable is not supported' },
    })
  })
})

describe('a segment is refused', () => {
  const change = (segment: Segment, by: Partial<Segment>): Segment => ({ ...segment, ...by })

  test('with every forgery, and nothing of it is stored', async () => {
    running = await installation({ nodes: 1 })
    const data = lcg(3 * SEGMENT_BYTES + 1000)
    const { txSeq } = await submit(data)
    const segments = segmentsOf(data)
    const [first, second] = segments as [Segment, Segment]
    const last = segments.at(-1) as Segment
    const proof = first.proof ?? { lemma: Buffer.alloc(0), path: [] }
    const flipped = Buffer.from(first.data)
    flipped[77] = (flipped[77] ?? 0) ^ 1
    const lemma = Buffer.from(proof.lemma)
    lemma[40] = (lemma[40] ?? 0) ^ 1
    const tail = Buffer.from(last.data)
    tail[tail.length - 1] = 1
    const forgeries: readonly (readonly [Segment, string])[] = [
      [change(first, { data: flipped }), 'proof'],
      [change(first, { index: 1 }), 'proof'],
      [change(first, { index: 4 }), 'index'],
      [change(first, { data: first.data.subarray(256) }), 'data'],
      [change(first, { proof: { ...proof, lemma } }), 'proof'],
      [change(first, { proof: { ...proof, path: proof.path.map((side) => !side) } }), 'proof'],
      [change(first, { proof: { lemma: proof.lemma.subarray(32), path: proof.path } }), 'proof'],
      [change(first, { proof: second.proof }), 'proof'],
      [change(first, { sizeBytes: first.sizeBytes + 1n }), 'file_size'],
      [change(first, { sizeBytes: 0n }), 'file_size'],
      [change(last, { data: tail }), 'data'],
      [change(first, { data: Buffer.alloc(0) }), 'data'],
    ]
    for (const [segment, parameter] of forgeries) {
      await expect(running.storage.uploadSegments(uploads([segment], txSeq))).rejects.toMatchObject({ metadata: { parameter } })
    }
    await expect(running.storage.uploadSegments(uploads(segmentsOf(lcg(1000, 3)), txSeq))).rejects.toMatchObject({
      metadata: { problem: 'data root and tx seq not match' },
    })
    expect(running.blobs[0]?.stats().count).toBe(0)
  })
})

describe('when something breaks', () => {
  test('a gateway that restarts goes on where the upload was', async () => {
    running = await installation()
    const data = lcg(3 * SEGMENT_BYTES)
    const { file, txSeq } = await submit(data)
    await running.storage.uploadSegments(uploads(segmentsOf(data).slice(0, 1), txSeq))
    await running.restartGateway()
    await eventually(async () => ((await info(file))?.uploadedSegmentCount === 1 ? true : undefined))
    await running.storage.uploadSegments(uploads(segmentsOf(data).slice(1), txSeq))
    await final(file)
    await running.restartGateway()
    expect(await eventually(() => read(file).catch(() => undefined))).toEqual(Buffer.from(data))
  })

  test('one node of three may be away: uploads and reads go on, and it is caught up when it is back', async () => {
    running = await installation()
    await running.stopNode(1)
    const data = lcg(2 * SEGMENT_BYTES)
    const file = await store(data)
    expect(await read(file)).toEqual(Buffer.from(data))
    expect(running.blobs[1]?.stats().count).toBe(0)
    await running.startNode(1)
    await eventually(async () => (running.blobs[1]?.stats().count === 2 ? true : undefined))
  })

  test('with two of three away nothing is acknowledged', async () => {
    running = await installation()
    const data = lcg(1000)
    const { file, txSeq } = await submit(data)
    await running.stopNode(0)
    await running.stopNode(2)
    await expect(running.storage.uploadSegments(uploads(segmentsOf(data), txSeq))).rejects.toMatchObject({
      status: 'UNAVAILABLE',
    })
    expect(await info(file)).toMatchObject({ finalized: false, uploadedSegmentCount: 0 })
  })

  test('a lost node is replaced by another one', async () => {
    running = await installation({ nodes: 4, config: { replaceAfterMs: 1000 } })
    const data = lcg(1000)
    const file = await store(data)
    await eventually(async () => (running.blobs.filter((disk) => disk.stats().count === 1).length === 3 ? true : undefined))
    const holder = running.blobs.findIndex((disk) => disk.stats().count === 1)
    const spare = running.blobs.findIndex((disk) => disk.stats().count === 0)
    await running.stopNode(holder)
    await eventually(async () => (running.blobs[spare]?.stats().count === 1 ? true : undefined))
    expect(await read(file)).toEqual(Buffer.from(data))
  }, 300_000)

  test('a segment that vanished from one disk is read from another and written again', async () => {
    running = await installation({ nodes: 2 })
    const data = lcg(SEGMENT_BYTES + 5)
    const file = await store(data)
    await eventually(async () => (running.blobs.every((disk) => disk.stats().count === 2) ? true : undefined))
    const disk = running.blobs[0]
    for (const key of [...(disk?.keys() ?? [])]) await disk?.delete(key)
    // Which node a read begins with is drawn: each read is whole, and sooner or later one meets the empty disk.
    await eventually(async () => {
      expect(await read(file)).toEqual(Buffer.from(data))
      return disk?.stats().count === 2 ? true : undefined
    })
  })
})

describe('thousands of parallel posts', () => {
  test('wait for their turn, and none is lost', async () => {
    running = await installation()
    const data = lcg(4 * SEGMENT_BYTES)
    const small = lcg(1000, 3)
    const large = await submit(data)
    const { file, txSeq } = await submit(small)
    const one = segmentsOf(small)
    const posts = Array.from({ length: 2000 }, () => running.storage.uploadSegments(uploads(one, txSeq)))
    const others = segmentsOf(data).flatMap((segment) => Array.from({ length: 5 }, () => segment))
    posts.push(...others.map((segment) => running.storage.uploadSegments(uploads([segment], large.txSeq))))
    await Promise.all(posts)
    await final(file)
    await final(large.file)
    expect(await read(large.file)).toEqual(Buffer.from(data))
  })
})
