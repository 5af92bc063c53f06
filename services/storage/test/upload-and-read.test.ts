import { afterEach, describe, expect, test } from '@jest/globals'
import { buildFileTree, SEGMENT_BYTES } from '@zerog/primitives'
import type { FileRef } from '@zerog/proto/storage'
import { collect, eventually, type Installation, installation, lcg, segmentsOf, uploads } from './support/installation.ts'

let running: Installation
afterEach(() => running?.close())

const byRoot = (data: Uint8Array): FileRef => ({ ref: { $case: 'root', value: Buffer.from(buildFileTree(data).root) } })
const whole = { offset: 0n, length: 0n }

async function finalized(file: FileRef): Promise<void> {
  await eventually(async () => (await running.storage.getFile({ file, needAvailable: true })).file?.finalized || undefined)
}

describe('a submitted file', () => {
  test('is finalized by the receipts of a quorum once its last segment arrived, and reads back', async () => {
    running = await installation()
    const data = lcg(3 * SEGMENT_BYTES + 1000)
    const file = byRoot(data)
    const txSeq = running.chain.submit(data)
    await eventually(async () => (await running.storage.getFile({ file, needAvailable: true })).file)
    const segments = segmentsOf(data)
    await running.storage.uploadSegments(uploads(segments.slice(0, 2), txSeq))
    const half = (await running.storage.getFile({ file, needAvailable: true })).file
    expect(half).toMatchObject({ finalized: false, uploadedSegmentCount: 2, segmentCount: 4, sizeBytes: BigInt(data.length) })
    await running.storage.uploadSegments(uploads(segments, txSeq))
    await finalized(file)
    expect(await collect(running.storage.readFile({ file, ...whole }))).toEqual(Buffer.from(data))
    const part = await collect(running.storage.readFile({ file, offset: 262_100n, length: 100n }))
    expect(part).toEqual(Buffer.from(data.subarray(262_100, 262_200)))
    const { receipts } = await running.storage.listReceipts({ file })
    expect(receipts.length).toBeGreaterThanOrEqual(2)
  })
})
