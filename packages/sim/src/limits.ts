/** Bounds of one simulated run. Each can be raised per scenario where it says so. */
export const LIMITS = {
  /** Events after which a run counts as one that never ends. Raised by `Scenario.eventsMax`. */
  eventsMax: 400_000,
  /** Virtual time after which a run counts as one that never ends. Raised by `Scenario.timeMaxMs`. */
  timeMaxMs: 6 * 3_600_000,
  /** Events that wait at once: a node that schedules without end is a bug, not a load. */
  eventsPendingMax: 200_000,
  /** Last events that a failure prints. */
  eventsRecentMax: 40,
  /** Messages in flight per directed link before the sender is told to slow down. */
  linkMessagesMax: 1_024,
  /** Bytes of one raw message. */
  messageBytesMax: 8 * 1_024 * 1_024,
  /** Frames of a stream that its reader has not consumed. */
  streamFramesMax: 16,
  /** Attempts of one link to bring a frame across before the connection counts as broken. */
  retransmissionsMax: 40,
  /** Bytes of one bus message, as the port says. */
  busMessageBytesMax: 1_000_000,
  /** Runs that a search for a smaller set of faults may take. */
  shrinkRunsMax: 40,
} as const
