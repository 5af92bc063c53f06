import type { BlobStore } from '@zerog/ports'
import { assert, equalBytes, toHex } from '@zerog/primitives'
import { fromSortKey, toSortKey } from '../sorted-bytes.ts'
import { assertBlob, assertBlobKey, checkBlobRange, otherBytesUnderKey } from './rules.ts'

/** The model that the segment store is compared with. */
export function memoryBlobStore(): BlobStore {
  const values = new Map<string, Uint8Array>()
  let sizeBytes = 0
  let closed = false
  const assertOpen = () => assert(!closed, 'the store is closed')

  return {
    async put(key, value) {
      assertOpen()
      assertBlob(key, value)
      const sortKey = toSortKey(key)
      const present = values.get(sortKey)
      if (present !== undefined) {
        if (!equalBytes(present, value)) throw otherBytesUnderKey(toHex(key))
        return
      }
      values.set(sortKey, value.slice())
      sizeBytes += value.length
    },
    has(key) {
      assertOpen()
      assertBlobKey(key)
      return values.has(toSortKey(key))
    },
    async get(key, range) {
      assertOpen()
      assertBlobKey(key)
      const value = values.get(toSortKey(key))
      if (value === undefined) return undefined
      if (range === undefined) return value.slice()
      checkBlobRange(range, value.length)
      return value.slice(range.offset, range.offset + range.length)
    },
    async delete(key) {
      assertOpen()
      assertBlobKey(key)
      const sortKey = toSortKey(key)
      sizeBytes -= values.get(sortKey)?.length ?? 0
      values.delete(sortKey)
    },
    keys(prefix = new Uint8Array()) {
      assertOpen()
      const start = toSortKey(prefix)
      return [...values.keys()]
        .filter((key) => key.startsWith(start))
        .sort()
        .map(fromSortKey)
    },
    scrub() {
      assertOpen()
      return nothingDamaged()
    },
    stats: () => ({ count: values.size, sizeBytes }),
    async close() {
      closed = true
    },
  }
}

/** Memory does not rot. */
async function* nothingDamaged(): AsyncGenerator<never> {}
