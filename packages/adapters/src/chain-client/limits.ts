/** Pause before a broken watch is taken up again: the first one, doubling up to the longest, each with jitter. */
export const CHAIN_RECONNECT_FIRST_MS = 100
export const CHAIN_RECONNECT_MAX_MS = 5_000
