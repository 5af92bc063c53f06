import type { OracleDb } from './oracle.ts'

/** Nodes in a Map, gone with the process. */
export function memoryOracleDb(): OracleDb {
  const entries = new Map<string, Uint8Array>()
  const db: OracleDb = {
    get: async (key) => entries.get(key),
    put: async (key, value) => void entries.set(key, value),
    del: async (key) => void entries.delete(key),
    batch: async (operations) => {
      for (const operation of operations) {
        if (operation.type === 'put') entries.set(operation.key, operation.value)
        else entries.delete(operation.key)
      }
    },
    shallowCopy: () => db,
    open: async () => undefined,
  }
  return db
}
