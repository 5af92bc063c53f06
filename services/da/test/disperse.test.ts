import { afterEach, describe, expect, test } from '@jest/globals'
import { BlobState } from '@zerog/proto/da'
import { bytesOf } from './support/members.ts'
import { type Pipeline, pipeline, retrieve, untilState, upload } from './support/pipeline.ts'

let open: Pipeline | undefined
afterEach(async () => {
  await open?.close()
  open = undefined
})

describe('a blob', () => {
  test('is certified, finalized and read back', async () => {
    open = await pipeline()
    const data = bytesOf(100_000, 1)
    const { blob } = await open.disperser.disperse(upload(data))
    expect(blob?.state).toBe(BlobState.BLOB_STATE_QUEUED)
    const final = await untilState(open, blob?.id ?? '', BlobState.BLOB_STATE_FINALIZED)
    expect(final.parts).toHaveLength(1)
    expect(final.transactionHashes).toHaveLength(1)
    expect(open.chain.records.size).toBe(1)
    expect((await retrieve(open, final)).equals(data)).toBe(true)
  }, 60_000)
})
