// Limits of the targets of this service, by target. Every queue, loop, message and page has one, with its unit in the name.
export const LIMITS = {
  broker: {
    /** JSON body of a request, bytes. */
    bodyBytesMax: 1024 * 1024,
    /** Running generations of one broker; more are told to come back. */
    requestsAtOnceMax: 256,
    /** Running generations of one account, so that one cannot take every place. */
    requestsPerAccountMax: 64,
    /** Running requests get this long to end when the broker stops, ms. */
    drainMs: 20_000,
  },
} as const
