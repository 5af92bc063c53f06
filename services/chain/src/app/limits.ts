/** A Kv value may have 64 KiB; larger records are split below that. */
export const RECORD_BYTES_MAX = 60_000
/** Decoded blocks kept in memory. */
export const BLOCKS_CACHED_MAX = 128
/** Their encoded bytes; decoded they take about ten times as much. */
export const BLOCK_BYTES_CACHED_MAX = 8 * 1024 * 1024
/** Snapshots of a development chain that can be reverted to. */
export const SNAPSHOTS_MAX = 1_024
/** Addresses and topics of one filter. */
export const FILTER_ENTRIES_MAX = 1_024
/** Problems that a verification lists before it stops. */
export const PROBLEMS_MAX = 100
/** Headers from a block up to the one that its certificate names; light clients take no more. */
export const PROOF_HEADERS_MAX = 1_024
