/** Every bound of the runtime in one place. */

/** One encoded message, both transports and both directions. Bulk bytes go in chunks of at most 1 MiB. */
export const MESSAGE_BYTES_MAX = 8 * 1024 * 1024
/** Encoded bytes that a stream may hold back per direction before its writer waits. */
export const STREAM_WINDOW_BYTES = 4 * 1024 * 1024
/** Messages that a stream may hold back per direction before its writer waits. */
export const STREAM_WINDOW_MESSAGES = 64

export const UNARY_TIMEOUT_MS = 10_000
export const RETRIES_MAX = 3
export const RETRY_BACKOFF_FIRST_MS = 50
export const RETRY_BACKOFF_MAX_MS = 2_000

/** `grpc-status-details-bin` before base64; HTTP/2 stacks commonly refuse headers above 8 KiB. */
export const STATUS_DETAILS_BYTES_MAX = 16 * 1024
export const STATUS_MESSAGE_CHARS_MAX = 1_024
/** Keys and values of an error's metadata together; an entry that does not fit is left out and named in `omitted`. */
export const STATUS_METADATA_CHARS_MAX = 4_096
export const STATUS_METADATA_ENTRIES_MAX = 32
export const RETRY_AFTER_MS_MAX = 3_600_000

export const REQUEST_ID_CHARS_MAX = 64

/** During drain, a stream without a message for this long is told to reconnect elsewhere; one that never ends after so long in any case. */
export const DRAIN_STREAM_IDLE_MS = 250
export const DRAIN_TIMEOUT_MS = 20_000

/** Servers close connections of this age, so that clients find new replicas. */
export const CONNECTION_AGE_MS_MAX = 30 * 60_000
export const CONNECTION_AGE_GRACE_MS = 60_000
export const KEEPALIVE_TIME_MS = 20_000
export const KEEPALIVE_TIMEOUT_MS = 10_000
export const CONCURRENT_STREAMS_MAX = 1_000
/** Bytes in flight per HTTP/2 stream: one chunk of 1 MiB. Larger windows showed no gain beyond the noise (docs/adr/0011). */
export const FLOW_CONTROL_WINDOW_BYTES = 1024 * 1024

/** A door that anybody can reach: connections, those of them that are still shaking hands from one address, and for how long. */
export const PUBLIC_CONNECTIONS_MAX = 1_024
export const PUBLIC_HANDSHAKES_PER_ADDRESS_MAX = 16
export const PUBLIC_HANDSHAKE_MS = 5_000

export const AUTHORITY_VALIDITY_DAYS = 3_650
export const IDENTITY_VALIDITY_DAYS = 90
export const CLOCK_SKEW_MS = 5 * 60_000
/** How often the certificate files are looked at for a rotation. */
export const CERTIFICATE_POLL_MS = 30_000

/** Messages that grpc-js may hold ready for a reader. */
export const STREAM_READ_AHEAD_MESSAGES = 4
export const RECONNECT_BACKOFF_FIRST_MS = 100
export const RECONNECT_BACKOFF_MAX_MS = 2_000
export const DNS_REFRESH_MS = 10_000

export const CONFIG_FILE_BYTES_MAX = 1024 * 1024

export const LOG_TEXT_CHARS_MAX = 4_096
export const LOG_BYTES_SHOWN = 64
export const LOG_ITEMS_MAX = 32
export const LOG_DEPTH_MAX = 5

export const ADMIN_REQUEST_MS = 10_000
export const HEALTH_TIMEOUT_MS = 2_000
/** A server that takes longer to say that it is there counts as lost. */
export const PORT_PROBE_MS = 1_000
/** Traces that one span may be linked to. */
export const TRACE_LINKS_MAX = 128
/** First and longest pause between two looks at a target that another process has to start. */
export const DEPENDENCY_POLL_FIRST_MS = 50
export const DEPENDENCY_POLL_MAX_MS = 1_000
/** A process whose launcher died ends after this long, whatever its modules do. */
export const ORPHAN_EXIT_MS = 5_000
