import { appendFileSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { BlobStore } from '@zerog/ports'
import fc from 'fast-check'
import { bytesOf, temporaryFolder } from '../testing.ts'
import { segmentBlobStore } from './embedded.ts'
import { decodeHead, encodeHead } from './format.ts'
import { memoryBlobStore } from './memory.ts'
import { blobStoreSuite } from './suite.ts'

blobStoreSuite('memory', async () => ({ store: memoryBlobStore(), dispose: async () => {} }))

// Small segments: rolling and compaction happen all the time.
blobStoreSuite('segment files', async () => {
  const folder = temporaryFolder('blobs')
  const open = () => segmentBlobStore({ path: folder.path, segmentBytes: 16_384 })
  let store = open()
  return {
    store,
    reopen: async () => {
      await store.close()
      store = open()
      return store
    },
    dispose: async () => {
      await store.close()
      folder.remove()
    },
  }
})

describe('segment files', () => {
  let folder: ReturnType<typeof temporaryFolder>
  let store: BlobStore | undefined
  beforeEach(() => {
    folder = temporaryFolder('blobs')
  })
  afterEach(async () => {
    await store?.close()
    store = undefined
    folder.remove()
  })

  const open = () => {
    store = segmentBlobStore({ path: folder.path, segmentBytes: 64 * 1024 })
    return store
  }
  const close = async () => {
    await store?.close()
    store = undefined
  }
  const segments = () => readdirSync(join(folder.path, 'segments')).filter((name) => name.endsWith('.seg'))
  const segmentPath = (index = 0) => join(folder.path, 'segments', segments()[index] as string)
  const value = (n: number, length = 5000) => new Uint8Array(length).map((_, index) => (index * 7 + n * 13) & 255)
  const key = (n: number) => bytesOf(`key-${n}`)
  /** As a crash leaves it: without the index that a clean close writes. */
  const forgetCheckpoint = () => rmSync(join(folder.path, 'segments', 'checkpoint'), { force: true })

  test('the index is rebuilt from the segments alone', async () => {
    open()
    for (let n = 0; n < 60; n++) await store?.put(key(n), value(n))
    for (let n = 0; n < 60; n += 3) await store?.delete(key(n))
    await store?.put(key(0), value(100))
    await close()
    forgetCheckpoint()
    const reopened = open()
    expect(reopened.stats().count).toBe(41)
    expect(await reopened.get(key(0))).toEqual(value(100))
    expect(await reopened.get(key(3))).toBeUndefined()
    expect(await reopened.get(key(4))).toEqual(value(4))
  })

  test('a torn end is cut off and written over; what was acknowledged stays', async () => {
    open()
    await store?.put(key(1), value(1))
    await close()
    forgetCheckpoint()
    const whole = statSync(segmentPath()).size
    const record = Buffer.concat([encodeHead(key(2), 2, value(2)), value(2)])
    for (const length of [1, 20, 40, record.length - 1]) {
      appendFileSync(segmentPath(), record.subarray(0, length))
      const reopened = open()
      expect(await reopened.get(key(1))).toEqual(value(1))
      expect(reopened.has(key(2))).toBe(false)
      expect(statSync(segmentPath()).size).toBe(whole)
      await close()
      forgetCheckpoint()
    }
  })

  test('a write that nobody was told about counts only if its value arrived whole', async () => {
    open()
    await store?.put(key(1), value(1))
    await close()
    forgetCheckpoint()
    const damaged = value(2)
    damaged[100] = (damaged[100] as number) ^ 1
    appendFileSync(
      segmentPath(),
      Buffer.concat([encodeHead(key(2), 2, value(2)), damaged, encodeHead(key(3), 3, value(3)), value(3)]),
    )
    const reopened = open()
    expect(reopened.has(key(2))).toBe(false)
    expect(await reopened.get(key(3))).toEqual(value(3))
  })

  test('an acknowledged record whose end is missing is damage, not a torn end', async () => {
    open()
    await store?.put(key(1), value(1))
    await store?.put(key(2), value(2))
    await close()
    forgetCheckpoint()
    truncateSync(segmentPath(), statSync(segmentPath()).size - 10)
    const reopened = open()
    expect(await reopened.get(key(1))).toEqual(value(1))
    await expect(reopened.get(key(2))).rejects.toMatchObject({ reason: 'RECORD_CORRUPT' })
  })

  test('a damaged block is refused by key; ranges that do not touch it are read', async () => {
    const large = value(1, 200_000)
    open()
    await store?.put(key(1), large)
    await store?.put(key(2), value(2))
    await close()
    const bytes = readFileSync(segmentPath())
    const at = 16 + encodeHead(key(1), 1, large).length + 70_000
    bytes.writeUInt8(bytes.readUInt8(at) ^ 4, at)
    writeFileSync(segmentPath(), bytes)
    const reopened = open()
    await expect(reopened.get(key(1))).rejects.toMatchObject({ reason: 'RECORD_CORRUPT', metadata: { key: '0x6b65792d31' } })
    await expect(reopened.get(key(1), { offset: 70_000, length: 1 })).rejects.toMatchObject({ reason: 'RECORD_CORRUPT' })
    expect(await reopened.get(key(1), { offset: 0, length: 65_536 })).toEqual(large.slice(0, 65_536))
    expect(await reopened.get(key(2))).toEqual(value(2))
    const damage = []
    for await (const { key: found } of reopened.scrub()) damage.push(Buffer.from(found).toString())
    expect(damage).toEqual(['key-1'])
    // Putting it again is the cure.
    await reopened.put(key(1), large)
    expect(await reopened.get(key(1))).toEqual(large)
  })

  test('a damaged head in the middle: what follows is found, and a missing key is not called missing', async () => {
    open()
    for (let n = 1; n <= 3; n++) await store?.put(key(n), value(n))
    await close()
    forgetCheckpoint()
    const bytes = readFileSync(segmentPath())
    const second = 16 + encodeHead(key(1), 1, value(1)).length + 5000
    bytes.writeUInt8(bytes.readUInt8(second + 9) ^ 1, second + 9)
    writeFileSync(segmentPath(), bytes)
    const reopened = open()
    expect(await reopened.get(key(1))).toEqual(value(1))
    expect(await reopened.get(key(3))).toEqual(value(3))
    await expect(reopened.get(key(2))).rejects.toMatchObject({ reason: 'RECORD_CORRUPT' })
    const problems = []
    for await (const { problem } of reopened.scrub()) problems.push(problem)
    expect(problems).toEqual([expect.stringContaining(`at ${second} of segment 1`)])
    await reopened.put(key(2), value(2))
    expect(await reopened.get(key(2))).toEqual(value(2))
  })

  test('a damaged checkpoint is not believed', async () => {
    open()
    for (let n = 0; n < 20; n++) await store?.put(key(n), value(n))
    await close()
    const file = join(folder.path, 'segments', 'checkpoint')
    const bytes = readFileSync(file)
    bytes.writeUInt8(bytes.readUInt8(60) ^ 1, 60)
    writeFileSync(file, bytes)
    const reopened = open()
    for (let n = 0; n < 20; n++) expect(await reopened.get(key(n))).toEqual(value(n))
  })

  test('space comes back by compaction, and deleted keys stay deleted after a rebuild', async () => {
    open()
    for (let n = 0; n < 100; n++) await store?.put(key(n), value(n))
    const before = segments().length
    for (let n = 0; n < 100; n++) if (n % 10 !== 0) await store?.delete(key(n))
    await close()
    // Opening looks for waste; closing waits for the segment at hand only, so open until nothing changes.
    for (let count = -1; count !== segments().length; ) {
      count = segments().length
      open()
      await store?.put(bytesOf(`trigger-${count}`), value(1))
      await new Promise((resolve) => setImmediate(resolve))
      await close()
    }
    forgetCheckpoint()
    const reopened = open()
    for (let n = 0; n < 100; n++) expect(await reopened.get(key(n))).toEqual(n % 10 === 0 ? value(n) : undefined)
    expect(segments().length).toBeLessThan(before)
  })

  test('any bytes where a head should be are refused without an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const head = decodeHead(Buffer.from(bytes))
        expect(head).toBeUndefined()
      }),
    )
    const whole = encodeHead(key(1), 7, value(1, 200_000))
    expect(decodeHead(whole)).toMatchObject({ key: key(1), sequence: 7, valueLength: 200_000, kind: 'put' })
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = Buffer.from(whole)
        damaged.writeUInt8(damaged.readUInt8(at) ^ flip, at)
        expect(decodeHead(damaged)).toBeUndefined()
      }),
    )
  })
})
