import type { Kv } from '@zerog/ports'
import { fromHex } from '@zerog/primitives'
import type { OracleDb } from './oracle.ts'

/** Trie nodes and codes of the oracle in the chain's Kv, under the keys that its library gives them. */
export const ORACLE_TABLE = 'oracle'

/** What a block adds to the oracle's state, by hexadecimal key. */
export type OracleAdditions = ReadonlyMap<string, Uint8Array>

/** The oracle's database over a Kv: nothing is written before `write`, everything is readable at once. */
export function createOracleStore(kv: Kv) {
  let pending = new Map<string, Uint8Array>()
  const announced = new Set<OracleAdditions>()

  const get = (key: string): Uint8Array | undefined => {
    const fresh = pending.get(key)
    if (fresh !== undefined) return fresh
    for (const additions of announced) {
      const found = additions.get(key)
      if (found !== undefined) return found
    }
    return kv.get(ORACLE_TABLE, fromHex(`0x${key}`))
  }
  const db: OracleDb = {
    get: async (key) => get(key),
    put: async (key, value) => void pending.set(key, value),
    // Keys are hashes of what they hold: nothing is taken back, so old roots stay readable.
    del: async () => undefined,
    batch: async (operations) => {
      for (const operation of operations) if (operation.type === 'put') pending.set(operation.key, operation.value)
    },
    shallowCopy: () => db,
    open: async () => undefined,
  }
  return {
    db,
    /** What was put since the last time. It stays readable until it is forgotten. */
    take: (): OracleAdditions => {
      const additions = pending
      pending = new Map()
      announced.add(additions)
      return additions
    },
    forget: (additions: OracleAdditions): void => void announced.delete(additions),
    write: (additions: OracleAdditions): void => {
      kv.write([...additions].map(([key, value]) => ({ table: ORACLE_TABLE, key: fromHex(`0x${key}`), value })))
      announced.delete(additions)
    },
  }
}
