import { compareBytes } from '@zerog/primitives'
import type { TrieUpdate } from './update.ts'

/** Indexes below this fit beside 32 bits of a key into a double's 53. */
const PACKED_MAX = 2 ** 21

/**
 * In the order of their keys, of each key the last. Sorts numbers, the first four bytes of the key before the index, which the engine does
 * without calling back; only what agrees there is compared as bytes.
 */
export function sortedUpdates(updates: readonly TrieUpdate[]): readonly TrieUpdate[] {
  if (updates.length === 1) return updates
  const order = updates.length < PACKED_MAX ? byFirstBytes(updates) : updates.map((_, index) => index).sort(byKey(updates))
  const sorted: TrieUpdate[] = []
  for (const index of order) {
    const update = updates[index] as TrieUpdate
    const last = sorted.at(-1)
    if (last !== undefined && compareBytes(last.key, update.key) === 0) sorted.pop()
    sorted.push(update)
  }
  return sorted
}

function byKey(updates: readonly TrieUpdate[]) {
  return (a: number, b: number): number => compareBytes((updates[a] as TrieUpdate).key, (updates[b] as TrieUpdate).key) || a - b
}

function byFirstBytes(updates: readonly TrieUpdate[]): number[] {
  const packed = new Float64Array(updates.length)
  for (let index = 0; index < updates.length; index++) {
    const { key } = updates[index] as TrieUpdate
    const first = (key[0] ?? 0) * 0x1000000 + ((key[1] ?? 0) << 16) + ((key[2] ?? 0) << 8) + (key[3] ?? 0)
    packed[index] = first * PACKED_MAX + index
  }
  packed.sort()
  const order: number[] = new Array(updates.length)
  for (let index = 0; index < packed.length; index++) order[index] = (packed[index] as number) % PACKED_MAX
  const compare = byKey(updates)
  for (let from = 0; from < order.length; ) {
    const first = Math.floor((packed[from] as number) / PACKED_MAX)
    let to = from + 1
    while (to < order.length && Math.floor((packed[to] as number) / PACKED_MAX) === first) to += 1
    if (to - from > 1) for (const [at, index] of order.slice(from, to).sort(compare).entries()) order[from + at] = index
    from = to
  }
  return order
}
