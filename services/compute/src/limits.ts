// Limits of the targets of this service, by target. Every queue, loop, message and page has one, with its unit in the name.
export const LIMITS = {
  broker: {
    /** JSON body of a request, bytes. */
    bodyBytesMax: 1024 * 1024,
    /** Running requests get this long to end when the broker stops, ms. */
    drainMs: 20_000,
    /** Tokens of a stream between two checkpoints (ARCHITECTURE, billing across a crash). */
    checkpointTokens: 32,
    /** Receipts that one commit takes, and that wait for one. */
    journalBatchMax: 256,
    journalWaitingMax: 4096,
    /** Acknowledgements and cuts gather this long and then share a transaction, ms. */
    fatesGatherMs: 50,
    /** Users whose balance is kept at hand. */
    accountsMax: 10_000,
    /** Session tokens whose signer is kept at hand. */
    tokensCachedMax: 10_000,
    /** Receipts that wait for a signed acknowledgement and are kept at hand. */
    awaitedMax: 10_000,
    /** Answers per user and hour that may stay without the acknowledgement that was promised. */
    unacknowledgedMax: 100,
    unacknowledgedWindowMs: 3_600_000,
    /** A request waits this long for the follower to reach the chain's head, ms. */
    caughtUpMs: 2000,
    workerTimeoutMs: 3000,
    /** Users and receipts of one batch. The contract settles 50 users at once. */
    batchUsersMax: 50,
    batchReceiptsPerUserMax: 1000,
    /** Deadlines of live streams are moved, and passed ones applied, this often, ms. */
    tendMs: 2000,
    /** The position on the chain is kept at most this often while nothing happens, ms. */
    idleHeightMs: 1000,
    /** Pause after an outage of database or chain before the chain is followed again, ms. */
    followPauseMs: 500,
    registrationCheckMs: 30_000,
    pruneMs: 600_000,
    pruneBatchMax: 1000,
    evidence: {
      /** Evidence that could not be collected is tried again after this time, each time twice as long, and given up when its batch is so old, ms. */
      retryMs: 500,
      retryMaxMs: 60_000,
      giveUpMs: 86_400_000,
      /** Batches between two looks for what is missing. */
      batchesPerRound: 16,
      /** Batches whose material (some 100 kB, at most some MB), and answers whose file is kept at hand. */
      materialsMax: 4,
      filesMax: 256,
      /** Aggregate signatures that were found true and are not verified again. */
      signaturesMax: 256,
    },
  },
  router: {
    /** Running answers and acknowledgements get this long to end when the router stops, ms. */
    drainMs: 20_000,
    /** Spends that nobody waits for gather this long and then go together, ms: what a crash of the router gives away for nothing. */
    gatherMs: 25,
    /** Acknowledgements gather this long and then travel together, ms. Their receipts would be void after a minute. */
    acknowledgeGatherMs: 50,
    /** Kept answers past their time are removed this often, ms. */
    cleanMs: 60_000,
    /** Pause between looks for the first provider at the start, ms. */
    firstProviderPauseMs: 200,
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
