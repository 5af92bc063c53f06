/** Keeps the newest `entriesMax`; for what never changes, or is checked where it is used. */
export type BoundedCache<Value> = {
  get(key: string): Value | undefined
  set(key: string, value: Value): void
  delete(key: string): void
}

export function boundedCache<Value>(entriesMax: number): BoundedCache<Value> {
  const entries = new Map<string, Value>()
  return {
    get: (key) => entries.get(key),
    set(key, value) {
      entries.delete(key)
      entries.set(key, value)
      if (entries.size > entriesMax) entries.delete(entries.keys().next().value as string) // the oldest; the map is not empty
    },
    delete: (key) => void entries.delete(key),
  }
}
