/** Segments per placement unit: its replicas lie on the same nodes and share one receipt. 64 x 256 KiB = 16 MiB. */
export const RANGE_SEGMENTS = 64
/** Path of a proof: 2^32 segments would be 32 steps. */
export const PROOF_STEPS_MAX = 32
/** Segment bytes that one gateway holds at once while they travel to nodes; further uploads wait. */
export const UPLOAD_BYTES_IN_FLIGHT_MAX = 96 * 1024 * 1024
/** Uploads that wait for their turn, without holding bytes of their own. Beyond it the caller is told to come back. */
export const UPLOAD_QUEUE_MAX = 50_000
/** Segments of one upload stream that are worked on at once. */
export const UPLOAD_WINDOW = 8
/** Segments that a read fetches ahead of its consumer. */
export const READ_AHEAD_SEGMENTS = 4
/** Segments that one ReadSegments or GetSegments call may ask for. */
export const READ_SEGMENTS_MAX = 1024
/** Stored-marks that one transaction takes. */
export const RECORD_BATCH_MAX = 2048
/** A storage node that does not acknowledge in this time counts as failed for the segment. */
export const NODE_PUT_TIMEOUT_MS = 20_000
export const NODE_GET_TIMEOUT_MS = 10_000
export const NODE_STATS_TIMEOUT_MS = 3000
/** Receipts that are asked for at once while a file is finalized. */
export const RECEIPTS_AT_ONCE = 8
/** Files, holdings or deletions that one round of a background job takes. */
export const JOB_BATCH_MAX = 100
/** Replicas that wait to be completed by this gateway; others are found again. */
export const REPAIRS_WAITING_MAX = 10_000
/** Damaged segments that a node names in its statistics. */
export const DAMAGED_REPORT_MAX = 100
/** Submissions and placements that a gateway remembers. */
export const CACHE_ENTRIES_MAX = 20_000
/** Entries of a tag list and nodes of a submission in the Submit log: the contract allows 4 nodes of strictly falling height. */
export const SUBMISSION_NODES_MAX = 64
export const TAGS_BYTES_MAX = 1_000_000
