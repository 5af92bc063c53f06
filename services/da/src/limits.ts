/** Every bound of data availability in one place, each with its unit. */

export const HASH_BYTES = 32
/** One value of the random linear combination. */
export const RLC_BYTES = 16

// da-node

/** Rows of one bundle lie in values of a BlobStore, which have at most 4 MiB. */
export const PACK_BYTES_MAX = 4 * 1024 * 1024
/** Rows of one message, bytes of the message with their paths: receivers check them together. */
export const ROWS_MESSAGE_BYTES = 1024 * 1024
/** Packs of one PutRows that are in memory at once: one fills while one is written. */
export const PACKS_IN_MEMORY = 2
/** Rows that all PutRows of a node hold in memory at once; further calls wait. */
export const PUT_BYTES_IN_FLIGHT_MAX = 96 * 1024 * 1024
/** PutRows that wait for their turn, without holding rows. */
export const PUT_QUEUE_MAX = 1_000
/** Commitments whose coefficients and extended vectors a checker keeps: up to 2 MiB each. */
export const VERIFIERS_KEPT_MAX = 16
/** Checks and restorations that wait for a thread; their bytes are bounded by whoever asks. */
export const ROW_JOBS_WAITING_MAX = 10_000
/** Bundles that a node holds: its index takes some 500 bytes of memory for each. */
export const HOLDINGS_MAX = 1_000_000
/** Bundles of one window. */
export const WINDOW_BUNDLES_MAX = 256
/** Rows that one GetRows or SampleRows call may name. */
export const ROWS_ASKED_MAX = 16_384
/** Manifests that a node keeps decoded, by bytes: at most 96 KiB each. */
export const MANIFESTS_KEPT_MAX = 256
/** A node tells for this long that a bundle expired, seconds; afterwards it is as unknown as any other. */
export const EXPIRED_REMEMBERED_SECONDS = 30 * 86_400
/** Bundles that one round of pruning or repair takes. */
export const JOB_BATCH_MAX = 256
