import { crc32 } from 'node:zlib'
import { assertKey, assertRange, assertTable, lowerBound, toSortKey } from '@zerog/adapters/memory'
import type { KvRange } from '@zerog/ports'

export type KvRecord = { readonly table: string; readonly key: Uint8Array; readonly value: Uint8Array; readonly sum: number }

type Table = { readonly keys: string[]; readonly records: Map<string, KvRecord> }

/** Ordered records with the checksum that was right when they were written. Records are never changed in place. */
export class KvView {
  readonly #tables = new Map<string, Table>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get(table: string, key: Uint8Array): KvRecord | undefined {
    assertKey(key)
    return this.#table(table).records.get(toSortKey(key))
  }

  range(table: string, range: KvRange = {}): KvRecord[] {
    assertRange(range)
    const { keys, records } = this.#table(table)
    const start = range.from === undefined ? 0 : lowerBound(keys, toSortKey(range.from))
    const end = range.to === undefined ? keys.length : lowerBound(keys, toSortKey(range.to))
    const found = start < end ? keys.slice(start, end) : []
    if (range.reverse) found.reverse()
    return found.slice(0, range.limit).map((key) => records.get(key) as KvRecord)
  }

  set(record: KvRecord): void {
    const { keys, records } = this.#table(record.table)
    const sortKey = toSortKey(record.key)
    if (!records.has(sortKey)) {
      keys.splice(lowerBound(keys, sortKey), 0, sortKey)
      this.#size++
    }
    records.set(sortKey, record)
  }

  delete(table: string, key: Uint8Array): void {
    const { keys, records } = this.#table(table)
    const sortKey = toSortKey(key)
    if (!records.delete(sortKey)) return
    keys.splice(lowerBound(keys, sortKey), 1)
    this.#size--
  }

  *all(): Iterable<KvRecord> {
    for (const { records } of this.#tables.values()) yield* records.values()
  }

  #table(name: string): Table {
    assertTable(name)
    const table = this.#tables.get(name) ?? { keys: [], records: new Map() }
    this.#tables.set(name, table)
    return table
  }
}

/** Over table, key and value, as the port says; CRC-32 finds every single flipped bit. */
export function kvChecksum(table: string, key: Uint8Array, value: Uint8Array): number {
  return crc32(value, crc32(key, crc32(`${table}\0`)))
}

/** A record as it is written; owns its bytes. */
export function kvRecord(table: string, key: Uint8Array, value: Uint8Array): KvRecord {
  return { table, key: key.slice(), value: value.slice(), sum: kvChecksum(table, key, value) }
}
