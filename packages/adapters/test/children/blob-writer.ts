import { writeSync } from 'node:fs'
import { segmentBlobStore } from '../../src/blob-store/embedded.ts'
import { rowKey, rowValue } from './rows.ts'

/** `node blob-writer.ts <folder> <first>`: eight writers put rows and delete every fifth; says `+n` and `-n` when each is durable. */
const [path = '', first = '0'] = process.argv.slice(2)
const store = segmentBlobStore({ path, segmentBytes: 1024 * 1024 })
let next = Number(first)

async function work() {
  for (;;) {
    const n = next++
    await store.put(rowKey(n), rowValue(n, 150_000))
    writeSync(1, `+${n}\n`)
    if (n % 5 !== 0) continue
    writeSync(1, `?${n}\n`)
    await store.delete(rowKey(n))
    writeSync(1, `-${n}\n`)
  }
}

await Promise.all(Array.from({ length: 8 }, work))
