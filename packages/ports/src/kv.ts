export type KvWrite = {
  readonly table: string
  readonly key: Uint8Array
  /** null deletes */
  readonly value: Uint8Array | null
}

export type KvRange = {
  /** Inclusive. */
  readonly from?: Uint8Array
  /** Exclusive. */
  readonly to?: Uint8Array
  readonly reverse?: boolean
  readonly limit?: number
}

/**
 * Ordered, synchronous, embedded. Keys are 1 to 511 bytes in lexicographic order; values at most 64 KiB (larger things go to a BlobStore).
 * What a store shows when it was opened is durable: after a SIGKILL there may be writes in the page cache that nobody flushed.
 * Every record carries a checksum over table, key and value; a read of a damaged one throws RECORD_CORRUPT naming store, table and key.
 */
export interface Kv {
  get(table: string, key: Uint8Array): Uint8Array | undefined
  /** Iterates over a consistent view. */
  range(table: string, range?: KvRange): Iterable<readonly [key: Uint8Array, value: Uint8Array]>
  /** Atomic, and visible to reads at once. Durable only after the next `flush`. After a crash a prefix of the writes is there. */
  write(writes: readonly KvWrite[]): void
  /** Resolves when everything written before the call survives a power cut. Concurrent callers share one sync. */
  flush(): Promise<void>
  close(): Promise<void>
}
