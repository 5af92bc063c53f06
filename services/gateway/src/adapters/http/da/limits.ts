/** Limits of the DA face. */
export const DA_LIMITS = {
  /** Bytes per message of a dispersal: services exchange at most 1 MiB at once. */
  chunkBytes: 1_048_576,
  /** Rows of one sample. */
  sampleRowsMax: 512,
  /** How long `?wait=` holds a request at most. */
  waitMs: 60_000,
} as const
