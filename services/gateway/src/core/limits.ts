/** An instance that does not answer is asked again after this time, doubling up to the second figure, ms. */
export const BACKOFF_MS = 250
export const BACKOFF_MAX_MS = 10_000
