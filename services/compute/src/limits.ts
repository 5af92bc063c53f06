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
  worker: {
    /** Models of one worker. */
    modelsMax: 64,
    /** Model file, bytes. */
    modelBytesMax: 64 * 1024 * 1024 * 1024,
    /** Model file that is decoded in memory (integer engine), bytes. */
    integerModelBytesMax: 512 * 1024 * 1024,
    /** Bytes that an upstream may send for one answer. */
    upstreamAnswerBytesMax: 64 * 1024 * 1024,
    /** Texts of one call of Embed. */
    embedInputsMax: 256,
    /** Pause before a thread that died is started again, ms. */
    threadRestartMs: 1000,
    /** Running answers get this long to end when the worker stops, ms. */
    drainMs: 20_000,
  },
} as const
