import type { Kv } from '@zerog/ports'
import { assert } from '@zerog/primitives'
import { fromSortKey, lowerBound, toSortKey } from '../sorted-bytes.ts'
import { assertKey, assertRange, assertTable, assertWrite } from './rules.ts'

type Table = { readonly keys: string[]; readonly values: Map<string, Uint8Array> }

/** The model that every other Kv is compared with. */
export function memoryKv(): Kv {
  const tables = new Map<string, Table>()
  let closed = false

  function open(name: string): Table {
    assert(!closed, 'the store is closed')
    assertTable(name)
    const table = tables.get(name) ?? { keys: [], values: new Map() }
    tables.set(name, table)
    return table
  }

  return {
    get(name, key) {
      assertKey(key)
      return open(name).values.get(toSortKey(key))?.slice()
    },

    range(name, range = {}) {
      assertRange(range)
      const { keys, values } = open(name)
      const start = range.from === undefined ? 0 : lowerBound(keys, toSortKey(range.from))
      const end = range.to === undefined ? keys.length : lowerBound(keys, toSortKey(range.to))
      const found = start < end ? keys.slice(start, end) : []
      if (range.reverse) found.reverse()
      // Values are never written in place, so holding them is a consistent view.
      const view = found.slice(0, range.limit).map((key) => [key, values.get(key) as Uint8Array] as const)
      return copies(view)
    },

    write(writes) {
      for (const write of writes) assertWrite(write)
      for (const { table: name, key, value } of writes) {
        const { keys, values } = open(name)
        const sortKey = toSortKey(key)
        const position = lowerBound(keys, sortKey)
        const present = keys[position] === sortKey
        if (value === null) {
          if (present) keys.splice(position, 1)
          values.delete(sortKey)
        } else {
          if (!present) keys.splice(position, 0, sortKey)
          values.set(sortKey, value.slice())
        }
      }
    },

    async flush() {
      assert(!closed, 'the store is closed')
    },

    async close() {
      closed = true
    },
  }
}

function* copies(view: readonly (readonly [string, Uint8Array])[]): Iterable<readonly [Uint8Array, Uint8Array]> {
  for (const [key, value] of view) yield [fromSortKey(key), value.slice()]
}
