/**
 * Anything over 4 KiB: segments, rows, shares. Keys are 1 to 128 bytes; values 1 byte to 4 MiB; a key is written once.
 * What a store shows when it was opened is durable: a put that a SIGKILL cut off may have left its bytes in the page cache only.
 */
export interface BlobStore {
  /** Durable when it resolves (writers share a sync). Putting the same bytes again is a no-op; other bytes are refused with ALREADY_EXISTS. */
  put(key: Uint8Array, value: Uint8Array): Promise<void>
  has(key: Uint8Array): boolean
  /** The whole value or a byte range of it. The checksum of every touched block is verified; a damaged one throws RECORD_CORRUPT. */
  get(key: Uint8Array, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array | undefined>
  /** Durable when it resolves; the space comes back by compaction. */
  delete(key: Uint8Array): Promise<void>
  /** Keys that start with `prefix`, in order. */
  keys(prefix?: Uint8Array): Iterable<Uint8Array>
  /** Reads and verifies everything; yields each damaged key. */
  scrub(signal?: AbortSignal): AsyncIterable<{ readonly key: Uint8Array; readonly problem: string }>
  stats(): { readonly count: number; readonly sizeBytes: number }
  close(): Promise<void>
}
