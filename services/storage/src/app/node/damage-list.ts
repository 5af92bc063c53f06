import { fileKeyText, type SegmentKey } from '../../core/segment-key.ts'
import { DAMAGED_REPORT_MAX } from '../../limits.ts'

/** Segments known to be damaged or missing, until a good copy is written. Not stored: the next scrub finds them again. */
export type DamageList = {
  add(key: SegmentKey): void
  remove(key: SegmentKey): void
  has(key: SegmentKey): boolean
  first(): readonly SegmentKey[]
  count(): number
}

/** Beyond it damages are only found again by the next scrub or read. */
const KEYS_MAX = 100_000

export function damageList(): DamageList {
  const keys = new Map<string, SegmentKey>()
  const text = (key: SegmentKey) => `${fileKeyText(key)}:${key.index}`
  return {
    add(key) {
      if (keys.size < KEYS_MAX) keys.set(text(key), { root: key.root, sizeBytes: key.sizeBytes, index: key.index })
    },
    remove: (key) => void keys.delete(text(key)),
    has: (key) => keys.size > 0 && keys.has(text(key)),
    first: () => [...keys.values()].slice(0, DAMAGED_REPORT_MAX),
    count: () => keys.size,
  }
}
