/** Values by key, of which the last used are kept. */
export type LastUsed<Key, Value> = { get(key: Key): Value | undefined; set(key: Key, value: Value): void }

export function lastUsed<Key, Value>(entriesMax: number): LastUsed<Key, Value> {
  const entries = new Map<Key, Value>()
  const set = (key: Key, value: Value): void => {
    entries.delete(key)
    entries.set(key, value)
    if (entries.size > entriesMax) entries.delete(entries.keys().next().value as Key) // there is one: it was just set
  }
  return {
    get(key) {
      const value = entries.get(key)
      if (value !== undefined) set(key, value)
      return value
    },
    set,
  }
}
