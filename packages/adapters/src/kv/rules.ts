import type { KvRange, KvWrite } from '@zerog/ports'
import { assert } from '@zerog/primitives'
import { KV_KEY_BYTES_MAX, KV_TABLE_NAME_BYTES_MAX, KV_VALUE_BYTES_MAX } from '../limits.ts'

const TABLE_PATTERN = /^[A-Za-z0-9_.-]+$/

/** Names that passed: a program has a few tables and writes to them millions of times. */
const tablesKnown = new Set<string>()

/** Tables and keys are chosen by our own code, so a wrong one is a bug and not an error. The sentences are made where they are needed. */
export function assertTable(table: string): void {
  if (tablesKnown.has(table)) return
  assert(TABLE_PATTERN.test(table) && table.length <= KV_TABLE_NAME_BYTES_MAX, `"${table}" is no table name`)
  tablesKnown.add(table)
}

export function assertKey(key: Uint8Array): void {
  if (key.length >= 1 && key.length <= KV_KEY_BYTES_MAX) return
  assert(false, `a key of ${key.length} bytes is not in 1 to ${KV_KEY_BYTES_MAX}`)
}

export function assertWrite({ table, key, value }: KvWrite): void {
  assertTable(table)
  assertKey(key)
  if (value === null || value.length <= KV_VALUE_BYTES_MAX) return
  assert(false, `a value of ${value.length} bytes exceeds ${KV_VALUE_BYTES_MAX}`)
}

export function assertRange({ limit }: KvRange): void {
  assert(limit === undefined || (Number.isInteger(limit) && limit >= 0), `limit ${limit} is no count`)
}
