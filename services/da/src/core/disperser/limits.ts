/** Bounds of da-disperser and da-encoder, each with its unit. */

/** One chunk of a stream. */
export const CHUNK_BYTES_MAX = 1024 * 1024
/** Blob bytes lie in values of a BlobStore, which have at most 4 MiB. */
export const PIECE_BYTES_MAX = 4 * 1024 * 1024
/** Blobs that 0G's clients may send: 1024 * 1024 * 31 - 4 (its disperser/apiserver/server.go). */
export const ZEROG_BLOB_BYTES_MAX = 32_505_852
/** Memory of pieces that were coded, for the next ones, bytes. */
export const PIECES_KEPT_BYTES = 32 * 1024 * 1024
/** Smaller ones are made anew. */
export const PIECE_SHELVED_BYTES_MIN = 64 * 1024
export const IDEMPOTENCY_KEY_CHARS_MAX = 128
export const BLOB_ID_CHARS_MAX = 256

/** Blob bytes on their way in, over all callers; further ones wait. */
export const UPLOAD_BYTES_IN_FLIGHT_MAX = 256 * 1024 * 1024
/** Uploads that wait for room without holding bytes. */
export const UPLOADS_WAITING_MAX = 20_000
/** Accepted bytes that stay in memory until their bundle is coded; beyond it they are read back from disk. */
export const BYTES_KEPT_MAX = 256 * 1024 * 1024
/** Blobs whose hash and account stay in memory until they are bundled. */
export const BLOBS_REMEMBERED_MAX = 10_000
/** Bytes of bundles that are put together or sent to an encoder at once. */
export const BUNDLE_BYTES_IN_FLIGHT_MAX = 512 * 1024 * 1024
/** Rows of one insert or one look-up. */
export const SQL_BATCH_MAX = 1_000
/** Callers that wait for a batch. */
export const SQL_WAITING_MAX = 50_000
/** Streams of WatchBlob of one disperser. */
export const WATCHERS_MAX = 20_000
/** A stream looks at its blob at least so often, whatever it was told. */
export const WATCH_LOOK_MS = 5_000

/** Coding jobs that wait for memory. */
export const CODING_JOBS_WAITING_MAX = 256
/** Bundles of this size are coded by all threads that are free; smaller ones take less than waking them, bytes. */
export const CODED_TOGETHER_BYTES = 256 * 1024
/** Arenas that are kept for the next bundle. */
export const ARENAS_KEPT_MAX = 16
/** Rows of one PutRows message, with their paths. */
export const ROWS_MESSAGE_BYTES_MAX = 1024 * 1024
/** Memory of one such message, or of a chunk, with the header of its bundle, whose vector has at most 64 KiB. */
export const ROWS_MESSAGE_SPACE_BYTES = ROWS_MESSAGE_BYTES_MAX + 80 * 1024
/** Of those that a process keeps for the next messages. */
export const MESSAGE_SPACES_KEPT_MAX = 32

export const SIGN_TIMEOUT_MS = 5_000
/** How long one member may take to store its rows: at least, and more for large bundles. */
export const PUT_TIMEOUT_FIRST_MS = 10_000
export const PUT_TIMEOUT_MS_PER_MIB = 500
/** Members that get rows at once: so many, or one for each of so many in large committees. */
export const PUT_LANES_MIN = 4
export const PUT_LANE_MEMBERS = 8
/** A member that takes longer no longer keeps the next one waiting, ms. */
export const PUT_LANE_MS = 40
/** Over the call to an encoder, beyond what its members may take. */
export const ENCODER_SLACK_MS = 20_000

/** Windows of one transaction; each costs up to 260,000 gas. */
export const TRANSACTION_WINDOWS_MAX = 32
export const TRANSACTION_GAS_MAX = 15_000_000n
/** Between two looks for certificates of other dispersers, where the bus did not tell of them. */
export const SUBMIT_IDLE_MS = 2_000
export const SUBMIT_RETRY_FIRST_MS = 500
export const SUBMIT_RETRY_MAX_MS = 30_000
/** A transaction that no block took in this time is sent again with a higher fee. */
export const TRANSACTION_REPLACE_MS = 30_000
/** Bundles that one round of forgetting bytes takes. */
export const FORGET_BATCH_MAX = 256
