/** Bounds of the storage faces; those of the HTTP server are in the gateway's configuration. */
export const STORAGE_LIMITS = {
  /** Body bytes of uploads that are read and decoded at once; others wait without being read. */
  bodyBytesInFlightMax: 32 * 1024 * 1024,
  /** Requests that wait for their body to be read. */
  bodiesWaitingMax: 50_000,
  /** Counted for a body that does not tell its length. */
  bodyBytesUnknown: 1024 * 1024,
  /** A body that takes longer gives up its place, ms. */
  bodyReadMs: 60_000,
  /** Calls in one JSON-RPC batch. */
  batchCallsMax: 1_000,
  /** Calls of one batch that run at once. */
  batchCallsAtOnce: 16,
  /** Segments in one call: 100 MiB of base64 are below it. */
  segmentsPerCallMax: 1_024,
  /** An upload is tried again inside the gateway for so long while nodes are away, ms. */
  uploadRetryMs: 20_000,
  /** Files per GET /files/info. */
  filesPerInfoMax: 100,
  /** Largest directory tree that is read to find a member, bytes. */
  directoryBytesMax: 4 * 1024 * 1024,
} as const
