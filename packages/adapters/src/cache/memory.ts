import type { Cache, Clock } from '@zerog/ports'
import { assert } from '@zerog/primitives'
import { CACHE_ENTRIES_MAX } from '../limits.ts'

type Entry = { value: string; expiresMs: number }

/** One process, bounded, least recently used out first. */
export function memoryCache({
  clock,
  entriesMax = CACHE_ENTRIES_MAX,
}: {
  readonly clock: Clock
  readonly entriesMax?: number
}): Cache {
  // Insertion order is use order: every touch moves an entry to the end.
  const entries = new Map<string, Entry>()

  function read(key: string): Entry | undefined {
    const entry = entries.get(key)
    if (entry === undefined) return undefined
    entries.delete(key)
    if (entry.expiresMs <= clock.nowMs()) return undefined
    entries.set(key, entry)
    return entry
  }

  function store(key: string, value: string, expiresMs: number) {
    entries.delete(key)
    entries.set(key, { value, expiresMs })
    if (entries.size > entriesMax) {
      const [oldest] = entries.keys()
      if (oldest !== undefined) entries.delete(oldest)
    }
  }

  return {
    async get(key) {
      return read(key)?.value
    },
    async set(key, value, ttlMs) {
      store(key, value, clock.nowMs() + ttlMs)
    },
    async delete(key) {
      entries.delete(key)
    },
    async raise(key, value, ttlMs) {
      assert(value >= 0n, 'only numbers from 0 on can be raised')
      const seen = read(key)
      const highest = seen === undefined || BigInt(seen.value) < value ? value : BigInt(seen.value)
      store(key, highest.toString(), clock.nowMs() + ttlMs)
      return highest
    },
    async count(key, by, windowMs) {
      const seen = read(key)
      const total = Number(seen?.value ?? 0) + by
      store(key, String(total), seen?.expiresMs ?? clock.nowMs() + windowMs)
      return total
    },
    async ping() {},
    async close() {
      entries.clear()
    },
  }
}
