import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { temporaryFolder } from '@zerog/adapters/testing'
import type { Client } from '@zerog/ports'
import { createFileTreeBuilder, type Hex, toHex } from '@zerog/primitives'
import type { StorageServiceDefinition } from '@zerog/proto/storage'
import { modelFile } from './model-file.ts'

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder('model-file')
})
afterEach(() => folder.remove())

const BYTES = Buffer.from('weights of a model'.repeat(1000))

function rootOf(bytes: Uint8Array): Hex {
  const tree = createFileTreeBuilder()
  tree.push(bytes)
  return toHex(tree.finish().root)
}

/** Storage that hands out these pieces, whatever was asked for. */
function storageOf(...pieces: readonly Uint8Array[]) {
  let calls = 0
  const storage = {
    async *readFile() {
      calls++
      for (const piece of pieces) yield { chunk: Buffer.from(piece) }
    },
  } as unknown as Client<StorageServiceDefinition> // only readFile is called
  return { storage, calls: () => calls }
}

const fetchModel = (root: Hex, storage: Client<StorageServiceDefinition>) =>
  modelFile({ root }, { dataDir: folder.path, storage, signal: new AbortController().signal })

test('a model is fetched by its root once, and then comes from the disk', async () => {
  const { storage, calls } = storageOf(BYTES.subarray(0, 5000), BYTES.subarray(5000))
  const root = rootOf(BYTES)
  expect(await fetchModel(root, storage)).toMatchObject({ root, sizeBytes: BYTES.length })
  expect(await fetchModel(root, storage)).toMatchObject({ root, sizeBytes: BYTES.length })
  expect(calls()).toBe(1)
})

test.each([
  ['a flipped bit', Buffer.from(BYTES.map((byte, index) => (index === 7000 ? byte ^ 1 : byte)))],
  ['one byte less', BYTES.subarray(1)],
  ['one byte more', Buffer.concat([BYTES, Buffer.of(1)])],
])('%s from storage is refused, and nothing of it stays', async (_what, wrong) => {
  await expect(fetchModel(rootOf(BYTES), storageOf(wrong).storage)).rejects.toMatchObject({ reason: 'VERIFICATION_FAILED' })
  expect(readdirSync(join(folder.path, 'models'))).toEqual([])
})

test('a file that was changed on the disk is fetched again', async () => {
  const { storage, calls } = storageOf(BYTES)
  const root = rootOf(BYTES)
  const { path } = await fetchModel(root, storage)
  writeFileSync(path, 'something else')
  expect(await fetchModel(root, storage)).toMatchObject({ root, sizeBytes: BYTES.length })
  expect(calls()).toBe(2)
})

test('storage without a single byte is not a model', async () => {
  await expect(fetchModel(rootOf(BYTES), storageOf().storage)).rejects.toMatchObject({ reason: 'NOT_FOUND' })
})
