import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ZerogError } from '@zerog/primitives'
import { segmentBlobStore } from '../src/blob-store/embedded.ts'
import { lmdbKv } from '../src/kv/embedded.ts'
import { temporaryFolder } from '../src/testing.ts'
import { mixedValue, rowKey, rowValue } from './children/rows.ts'
import { type Child, seededNumbers, startChild } from './children.ts'

/** `npm run test:long` sets 1,000. */
const FLIPS = Number(process.env.ZEROG_FLIPS ?? 150)
const LIMIT_MS = 30_000 + FLIPS * 300
const ROWS = 2000

let folder: ReturnType<typeof temporaryFolder>
beforeAll(() => {
  folder = temporaryFolder('flip')
})
afterAll(() => folder.remove())

/** Copies a folder with one byte changed in one of its files; the byte is chosen over all bytes of all files alike. */
function damagedCopy(from: string, to: string, random: (below: number) => number): string {
  rmSync(to, { recursive: true, force: true })
  cpSync(from, to, { recursive: true })
  const files = readdirSync(to, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => statSync(file).size > 0 && !file.endsWith('-lock'))
    .sort()
  const total = files.reduce((sum, file) => sum + statSync(file).size, 0)
  let at = random(total)
  const file = files.find((candidate) => {
    const { size } = statSync(candidate)
    if (at < size) return true
    at -= size
    return false
  }) as string
  const bytes = readFileSync(file)
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 + random(255)), at)
  writeFileSync(file, bytes)
  return `byte ${at} of ${file.slice(to.length)}`
}

test(
  `Kv: each of ${FLIPS} random byte flips is refused, named or without effect; none crashes or lies`,
  async () => {
    const random = seededNumbers('kv flip')
    const original = join(folder.path, 'kv')
    const kv = lmdbKv({ path: original })
    // Some churn, so that the file has free pages and a free list.
    for (let round = 0; round < 4; round++) {
      for (let n = round; n < ROWS; n += 1 + round)
        kv.write([{ table: 'rows', key: rowKey(n), value: mixedValue(n + (round < 3 ? 1 : 0)) }])
      await kv.flush()
    }
    for (let n = 0; n < ROWS; n++) kv.write([{ table: 'rows', key: rowKey(n), value: mixedValue(n) }])
    await kv.close()

    const copy = join(folder.path, 'kv-copy')
    const tally: Record<string, number> = {}
    let child: Child | undefined
    for (let flip = 0; flip < FLIPS; flip++) {
      const place = damagedCopy(original, copy, random)
      child ??= startChild(new URL('./children/kv-reader.ts', import.meta.url))
      child.process.stdin?.write(`${copy} ${ROWS}\n`)
      const answer = await child.lines.next()
      if (answer.done) throw new Error(`${place}: the reader crashed (${child.process.signalCode}):\n${child.errors()}`)
      const { verdict, detail } = JSON.parse(answer.value)
      if (verdict === 'WRONG') throw new Error(`${place}: ${detail}`)
      tally[verdict] = (tally[verdict] ?? 0) + 1
    }
    child?.process.stdin?.end()
    process.stderr.write(`kv flips: ${JSON.stringify(tally)}\n`)
    expect(tally.refused).toBeGreaterThan(0)
    expect(tally.corrupt).toBeGreaterThan(0)
    expect(tally.sound).toBeGreaterThan(0)
  },
  LIMIT_MS,
)

test(
  `BlobStore: each of ${FLIPS} random byte flips is named or without effect, with and without the index that a close writes`,
  async () => {
    const random = seededNumbers('blob flip')
    const original = join(folder.path, 'blobs')
    let store = segmentBlobStore({ path: original, segmentBytes: 200_000 })
    for (let n = 0; n < 60; n++) await store.put(rowKey(n), rowValue(n, 40_000))
    for (let n = 0; n < 60; n += 6) await store.delete(rowKey(n))
    await store.close()

    const copy = join(folder.path, 'blobs-copy')
    const tally = { sound: 0, corrupt: 0 }
    for (let flip = 0; flip < FLIPS; flip++) {
      const place = damagedCopy(original, copy, random)
      if (flip % 2 === 0) rmSync(join(copy, 'segments', 'checkpoint'), { force: true })
      store = segmentBlobStore({ path: copy, segmentBytes: 200_000 })
      let corrupt = 0
      for (let n = 0; n < 60; n++) {
        try {
          const value = await store.get(rowKey(n))
          const right =
            n % 6 === 0 ? value === undefined : value !== undefined && Buffer.compare(value, rowValue(n, 40_000)) === 0
          // A deletion that is damaged may bring the value back; that is old, not wrong, and the scrub tells of it.
          const revived = n % 6 === 0 && value !== undefined && Buffer.compare(value, rowValue(n, 40_000)) === 0
          if (!right && !revived) throw new Error(`${place}: row ${n} is silently wrong`)
          if (revived) corrupt++
        } catch (error) {
          if (!(error instanceof ZerogError && error.reason === 'RECORD_CORRUPT')) throw error
          corrupt++
        }
      }
      let scrubbed = 0
      for await (const _ of store.scrub()) scrubbed++
      if (corrupt > 0 !== scrubbed > 0) throw new Error(`${place}: reading found ${corrupt} damaged rows, the scrub ${scrubbed}`)
      tally[corrupt > 0 ? 'corrupt' : 'sound']++
      await store.close()
    }
    process.stderr.write(`blob flips: ${JSON.stringify(tally)}\n`)
    expect(tally.corrupt).toBeGreaterThan(0)
  },
  LIMIT_MS,
)
