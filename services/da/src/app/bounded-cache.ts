/** Keeps the entries used last, up to a total size; for what never changes. */
export type BoundedCache<Value> = {
  get(key: string): Value | undefined
  set(key: string, value: Value): void
}

/** @param sizeOf in the unit of `max`; an entry that is larger than all is not kept */
export function boundedCache<Value>(max: number, sizeOf: (value: Value) => number): BoundedCache<Value> {
  const entries = new Map<string, Value>()
  let size = 0
  const remove = (key: string) => {
    const value = entries.get(key)
    if (value === undefined) return
    entries.delete(key)
    size -= sizeOf(value)
  }
  return {
    get(key) {
      const value = entries.get(key)
      if (value === undefined) return undefined
      entries.delete(key)
      entries.set(key, value)
      return value
    },
    set(key, value) {
      remove(key)
      if (sizeOf(value) > max) return
      entries.set(key, value)
      size += sizeOf(value)
      for (const oldest of entries.keys()) {
        if (size <= max) return
        remove(oldest)
      }
    },
  }
}
