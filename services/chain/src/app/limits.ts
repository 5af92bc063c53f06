/** A Kv value may have 64 KiB; larger records are split below that. */
export const RECORD_BYTES_MAX = 60_000
/** Decoded blocks kept in memory. */
export const BLOCKS_CACHED_MAX = 128
/** Their encoded bytes; decoded they take about ten times as much. */
export const BLOCK_BYTES_CACHED_MAX = 8 * 1024 * 1024
/** Snapshots of a development chain that can be reverted to. */
export const SNAPSHOTS_MAX = 1_024
/** Blocks that a slow reader of a watch may lag before it reads from the store again. */
export const WATCH_BLOCKS_BUFFERED_MAX = 64
/** Blocks that `mine` makes in one call. */
export const MINE_BLOCKS_MAX = 100_000
