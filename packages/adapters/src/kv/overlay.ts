import { lowerBound } from '../sorted-bytes.ts'

/** Records that are visible but not committed yet, in key order. null stands for a deletion. */
export type Overlay = {
  readonly keys: string[]
  readonly values: Map<string, Uint8Array | null>
  sizeBytes: number
}

export function emptyOverlay(): Overlay {
  return { keys: [], values: new Map(), sizeBytes: 0 }
}

export function putInto(overlay: Overlay, key: string, value: Uint8Array | null): void {
  const before = overlay.values.get(key)
  if (before === undefined) {
    // Writers mostly append in order; then this is a push.
    const last = overlay.keys.at(-1)
    if (last === undefined || last < key) overlay.keys.push(key)
    else overlay.keys.splice(lowerBound(overlay.keys, key), 0, key)
    overlay.sizeBytes += key.length
  }
  overlay.values.set(key, value)
  overlay.sizeBytes += (value?.length ?? 0) - (before?.length ?? 0)
}

/** What `newer` holds wins. */
export function mergeOverlays(older: Overlay, newer: Overlay): Overlay {
  const merged: Overlay = { keys: [...older.keys], values: new Map(older.values), sizeBytes: older.sizeBytes }
  for (const key of newer.keys) putInto(merged, key, newer.values.get(key) as Uint8Array | null)
  return merged
}

/** Entries with from <= key < to, ascending, newest first overlay winning. */
export function sliceOverlays(overlays: readonly Overlay[], from: string, to: string): (readonly [string, Uint8Array | null])[] {
  const [newest, ...older] = overlays.filter(({ keys }) => keys.length > 0)
  if (newest === undefined) return []
  const found = sliceOf(newest, from, to)
  if (older.length === 0) return found
  const known = new Set(found.map(([key]) => key))
  const rest = sliceOverlays(older, from, to).filter(([key]) => !known.has(key))
  return rest.length === 0 ? found : [...found, ...rest].sort(([a], [b]) => (a < b ? -1 : 1))
}

function sliceOf({ keys, values }: Overlay, from: string, to: string): (readonly [string, Uint8Array | null])[] {
  return keys
    .slice(lowerBound(keys, from), lowerBound(keys, to))
    .map((key) => [key, values.get(key) as Uint8Array | null] as const)
}
