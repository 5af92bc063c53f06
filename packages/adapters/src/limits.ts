/** Every bound of the adapters in one place. */

export const KV_KEY_BYTES_MAX = 511
export const KV_VALUE_BYTES_MAX = 64 * 1024
/** A table's name prefixes each of its keys; lmdb's own limit for a key is 1,978 bytes. */
export const KV_TABLE_NAME_BYTES_MAX = 64
/** Unflushed writes that are committed on the spot when the next write comes. */
export const KV_COMMIT_BYTES = 8 * 1024 * 1024
/** Unflushed writes while a commit runs; beyond it `write` answers QUEUE_FULL. */
export const KV_OVERLAY_BYTES_MAX = 64 * 1024 * 1024
/** A store up to this size is verified at each start (about 0.3 s), a larger one after an unclean stop. */
export const KV_VERIFY_ALWAYS_BYTES = 256 * 1024 * 1024

export const BLOB_KEY_BYTES_MAX = 128
export const BLOB_VALUE_BYTES_MAX = 4 * 1024 * 1024

export const BLOB_SEGMENT_BYTES = 256 * 1024 * 1024
/** Written and synced together; later writers share the next sync. */
export const BLOB_BATCH_BYTES = 32 * 1024 * 1024
/** Waiting writes of one store; beyond it `put` answers QUEUE_FULL. */
export const BLOB_QUEUE_BYTES_MAX = 128 * 1024 * 1024
export const BLOB_OPEN_FILES_MAX = 64

export const BUS_DATA_BYTES_MAX = 1_000_000
/** Names and values together: with the data below NATS' default max_payload of 1,048,576. */
export const BUS_HEADER_BYTES_MAX = 16 * 1024
export const BUS_ID_CHARS_MAX = 200
export const BUS_SUBJECT_CHARS_MAX = 200
export const BUS_CONSUMER_CHARS_MAX = 100
export const BUS_CONCURRENCY_MAX = 256
export const BUS_DEDUPLICATION_MS = 2 * 60_000
/** Undelivered messages of one consumer in memory; beyond it `publish` answers QUEUE_FULL. */
export const BUS_MEMORY_QUEUE_MAX = 100_000
export const BUS_STREAM_BYTES_MAX = 4 * 1024 ** 3
export const BUS_PARKED_MS = 7 * 24 * 3_600_000
/** Messages of one insert, and of one claim. */
export const BUS_BATCH_MAX = 256
export const BUS_PUBLISH_QUEUE_MAX = 10_000
/** Fallback when no notification comes. */
export const BUS_POLL_MS = 1_000
/** Between two looks for messages that everybody acknowledged. */
export const BUS_FORGET_MS = 30_000

/** Entries of the memory cache; the one used least recently goes first. */
export const CACHE_ENTRIES_MAX = 100_000

export const SQL_CONNECTIONS_MAX = 10
export const SQL_STATEMENT_MS = 30_000
export const SQL_RETRIES_MAX = 5
/** Statements that are planned once per connection; each costs the server memory. */
export const SQL_PREPARED_MAX = 200
