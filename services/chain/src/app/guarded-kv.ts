import type { Kv } from '@zerog/ports'
import { toHex, ZerogError } from '@zerog/primitives'

/** Tables that blocks can fill again. */
const STATE_TABLES: ReadonlySet<string> = new Set(['trie', 'code'])

/**
 * The store as a running node sees it: a damaged or missing record stops the node, with a sentence that names the record and
 * the remedy. Guessing on would be worse than standing still.
 */
export function guardedKv(kv: Kv, fatal: (error: unknown) => void): Kv {
  const stop = (error: ZerogError): never => {
    fatal(error)
    throw error
  }
  const guarded = <T>(table: string, work: () => T): T => {
    try {
      return work()
    } catch (cause) {
      if (!(cause instanceof ZerogError) || cause.reason !== 'RECORD_CORRUPT') throw cause
      const metadata = { store: 'chain', table, ...cause.metadata }
      return stop(new ZerogError('RECORD_CORRUPT', { message: `${cause.message}: ${remedyOf(table)}`, metadata, cause }))
    }
  }
  return {
    write: (writes) => kv.write(writes),
    flush: () => kv.flush(),
    close: () => kv.close(),
    get: (table, key) => {
      const value = guarded(table, () => kv.get(table, key))
      if (value !== undefined || !STATE_TABLES.has(table)) return value
      // State is only asked for by hashes that a committed block leads to.
      const metadata = { store: 'chain', table, key: toHex(key) }
      return stop(
        new ZerogError('RECORD_CORRUPT', { message: `chain/${table}/${toHex(key)} is missing: ${remedyOf(table)}`, metadata }),
      )
    },
    range: function* (table, range) {
      const iterator = guarded(table, () => kv.range(table, range)[Symbol.iterator]())
      try {
        for (;;) {
          const next = guarded(table, () => iterator.next())
          if (next.done === true) return
          yield next.value
        }
      } finally {
        // Who leaves early must let go of the store's view, or lmdb never uses a page again that was freed since.
        iterator.return?.()
      }
    },
  }
}

function remedyOf(table: string): string {
  return STATE_TABLES.has(table)
    ? 'stop the node and run `zerog chain rebuild`, which replays the state from the stored blocks'
    : 'restore the data folder from a copy, or delete it and let this node follow another one'
}
