/** Bounds of the public door. Those that operators may move are in config.ts; these are fixed. */
export const LIMITS = {
  /** How often the height and health of every chain instance is asked for, ms. */
  headPollMs: 1_000,
  /** Shared highest height: kept this long after the last reply, ms. */
  heightTtlMs: 3_600_000,
  /** WebSocket frames accepted but not yet taken by the replica; reading pauses above it. */
  webSocketFramesQueued: 128,
  /** A WebSocket whose peer answers no ping for two such periods is closed, ms. */
  webSocketPingMs: 30_000,
  /** A request waits for the successor of a target until that has been away so long, ms: a restart takes 1 to 3 s, patience ends at 10 s. */
  holdMs: 8_000,
  /** First and longest pause between two attempts of a held request, ms. */
  holdPauseMs: 50,
  holdPauseMaxMs: 400,
  /** Requests held at once; more are refused as without holding. */
  heldMax: 2_000,
  /** Body of a request to the compute router that is kept until the router took it, bytes; a larger one is sent once. */
  heldBodyBytesMax: 1_048_576,
  /** Time for running requests to finish when the gateway drains, ms. */
  drainMs: 10_000,
  /** Characters of a request id that a caller may choose. */
  requestIdLengthMax: 64,
} as const
