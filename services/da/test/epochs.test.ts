import { afterEach, expect, test } from '@jest/globals'
import { BlobState } from '@zerog/proto/da'
import { bytesOf } from './support/members.ts'
import { type Pipeline, pipeline, retrieve, untilState, upload } from './support/pipeline.ts'

const FINAL = BlobState.BLOB_STATE_FINALIZED

let open: Pipeline
afterEach(() => open.close())

async function certified(seed: number) {
  const { blob } = await open.disperser.disperse(upload(bytesOf(20_000 + seed, seed)))
  return untilState(open, blob?.id ?? '', FINAL)
}

const epochOf = (blob: Awaited<ReturnType<typeof certified>>) => blob.parts[0]?.header?.epoch

/** Disperses until the committee is that of an epoch: each dispersal is a block here. */
async function untilEpoch(epoch: bigint) {
  for (let seed = 1000; seed < 1050; seed++) {
    const blob = await certified(seed + Number(epoch) * 100)
    if (epochOf(blob) === epoch) return blob
  }
  throw new Error(`epoch ${epoch} did not begin`)
}

test('the disperser begins the next epoch, certifies in it, and blobs of the one before stay readable', async () => {
  open = await pipeline({ epochs: { further: 2, blocks: 6 } })
  const first = await certified(1)
  expect(epochOf(first)).toBe(5n)
  const second = await untilEpoch(6n)
  const third = await untilEpoch(7n)
  for (const blob of [first, second, third]) expect((await retrieve(open, blob)).length).toBe(Number(blob.sizeBytes))
  expect((await retrieve(open, first)).equals(bytesOf(20_001, 1))).toBe(true)
  expect([...open.chain.records.values()].every(({ windows }) => windows === 1)).toBe(true)
}, 30_000)

test('of several dispersers one keeps epochs, and another takes over when it stops', async () => {
  open = await pipeline({ epochs: { further: 2, blocks: 4 } })
  await open.startSecondDisperser(1)
  await untilEpoch(6n)
  await open.killDisperser()
  await untilEpoch(7n)
  expect(open.chain.earlyEpochs()).toBe(0)
}, 30_000)

test('an epoch transaction that a crash interrupts is sent again and begins one epoch', async () => {
  open = await pipeline({ epochs: { further: 2, blocks: 2 } })
  open.chain.hold()
  const { blob } = await open.disperser.disperse(upload(bytesOf(3000, 1)))
  const kept = async () => (await open.repository.pendingTransaction())?.windowIds
  // The certificate first: it waits on the chain, so the epoch's transaction comes after the release.
  while ((await kept()) === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
  open.chain.release()
  await untilState(open, blob?.id ?? '', FINAL)
  open.chain.hold()
  while ((await kept())?.length !== 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await open.killDisperser()
  await open.startDisperser()
  open.chain.release()
  await untilEpoch(6n)
  expect(open.chain.earlyEpochs()).toBe(0)
}, 30_000)

test('with the keeper turned off, the first epoch goes on', async () => {
  open = await pipeline({ epochs: { further: 1, blocks: 1 }, config: { epochKeeper: false } })
  for (let seed = 0; seed < 4; seed++) expect(epochOf(await certified(seed))).toBe(5n)
})
