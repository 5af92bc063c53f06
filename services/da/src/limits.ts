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
/** Memory of written packs that a process keeps for the next ones, bytes. */
export const SPACE_KEPT_MAX = 32 * 1024 * 1024
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
/** Rows that one GetRows or SampleRows call may name. */
export const ROWS_ASKED_MAX = 16_384
/** Manifests that a node keeps decoded, by bytes: at most 96 KiB each. */
export const MANIFESTS_KEPT_MAX = 256
/** A node tells for this long that a bundle expired, seconds; afterwards it is as unknown as any other. */
export const EXPIRED_REMEMBERED_SECONDS = 30 * 86_400
/** Bytes between two wanted rows that are read along: a store reads and verifies blocks of 64 KiB. */
export const READ_ALONG_BYTES = 64 * 1024
/** Bundles that one round of pruning or repair takes. */
export const JOB_BATCH_MAX = 256

// da-retriever

/** Rows that a read fetches at once; one window is fetched ahead of the consumer. */
export const READ_WINDOW_BYTES = 8 * 1024 * 1024
/** Windows of all reads together; further reads wait. */
export const READ_BYTES_IN_FLIGHT_MAX = 256 * 1024 * 1024
/** Reads, and bundles to restore, that wait for their turn. */
export const READ_QUEUE_MAX = 1_000
/** Bundles that are restored at once, rows of both kinds together: the largest one takes 256 MiB. */
export const RESTORE_BYTES_MAX = 512 * 1024 * 1024
/** A bundle up to this size is read as a whole. */
export const WHOLE_BUNDLE_BYTES = 256 * 1024
/** Largest piece that a reader gets. */
export const CHUNK_BYTES_MAX = 1024 * 1024
/** Commitments whose RLC vector a retriever keeps: at most 64 KiB each. */
export const CODES_KEPT_MAX = 512
/** Lists of bundles that a retriever keeps, bytes of all together. */
export const LISTS_KEPT_BYTES = 32 * 1024 * 1024
/** A member that has not finished an answer by then has failed, ms. */
export const SOURCE_TIMEOUT_MS = 20_000
/** Rows that one SampleRows call may name. */
export const SAMPLES_MAX = 1_024

// members of other installations

/** Connections to them that a process keeps: as many as a committee has members. */
export const FOREIGN_CONNECTIONS_MAX = 1_024
/** A handshake takes at most this long, ms. */
export const FOREIGN_TIMEOUT_MS = 5_000
/** After a failure an address is left alone for this long, ms. */
export const FOREIGN_PAUSE_MS = 2_000
/** How long calls that run may take when the door closes, ms. */
export const DOOR_CLOSE_MS = 5_000

// committees

/** An answer of a JSON-RPC endpoint about one committee: 1,024 members in hexadecimal take less than 1 MiB. */
export const CHAIN_ANSWER_BYTES_MAX = 4 * 1024 * 1024
export const CHAIN_TIMEOUT_MS = 10_000

/** Committees that a service keeps: at most 1,024 members of some 300 bytes each. */
export const COMMITTEES_KEPT_MAX = 64
/** How long the number of the epoch is taken for the present one, ms. */
export const EPOCH_TTL_MS = 1_000
/** The same for members, who ask only which epochs are over: ten of a process were asking ten times a second. */
export const MEMBER_EPOCH_TTL_MS = 10_000
/** How long sockets are taken for the present ones, ms. */
export const SOCKETS_TTL_MS = 60_000
