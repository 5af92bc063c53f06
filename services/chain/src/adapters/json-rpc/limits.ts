/** Bounds of the JSON-RPC face: every list, buffer and wait that a caller can make us hold. */
export type JsonRpcLimits = {
  /** Requests in one batch. */
  readonly batchItemsMax: number
  /** Bytes of one answer, a whole batch included. */
  readonly responseBytesMax: number
  /** Time for one HTTP body or one WebSocket frame, a whole batch included. */
  readonly requestTimeoutMs: number
  /** Gas of `eth_call`, `eth_estimateGas`, `eth_createAccessList` and one `eth_simulateV1`. */
  readonly callGasMax: bigint
  /** Logs in one answer of `eth_getLogs`, `eth_getFilterLogs` and `eth_getFilterChanges`. */
  readonly logsMax: number
  /** Addresses, and alternatives per topic position, of one log filter. */
  readonly filterAlternativesMax: number
  /** Polling filters alive at a time, and how long one lives without being asked for. */
  readonly filtersMax: number
  readonly filterTtlMs: number
  /** Hashes that a pending-transaction filter keeps between two polls, and blocks that one poll of a block filter returns. */
  readonly filterHashesMax: number
  /** Blocks in one `eth_feeHistory`, and percentiles in one. */
  readonly feeHistoryBlocksMax: number
  readonly feeHistoryPercentilesMax: number
  /** Slots in one `eth_getProof` or `eth_getStorageValues`. */
  readonly slotsMax: number
  /** Blocks that one `eth_simulateV1` may span, and calls in all of them. */
  readonly simulateBlocksMax: number
  readonly simulateCallsMax: number
  /** Opcodes in the answer of the struct logger. */
  readonly traceStepsMax: number
  /** `eth_sendRawTransactionSync`: how long it waits unless told, and at most. */
  readonly syncWaitMs: number
  readonly syncWaitMaxMs: number
  /**
   * How long the answer to a body that sent transactions is held back until the last of them is in a block that is shown. 0: not at
   * all. For chains that seal on demand: a client that starts to poll for new blocks after the answer would wait for ever for a
   * block that came before its first poll.
   */
  readonly sendWaitMs: number
  /** One WebSocket connection: subscriptions, requests at work, and bytes and frames that wait for a slow reader. */
  readonly subscriptionsMax: number
  readonly inFlightMax: number
  readonly outgoingBytesMax: number
  readonly outgoingFramesMax: number
}

export const DEFAULT_LIMITS: JsonRpcLimits = {
  batchItemsMax: 1_000,
  responseBytesMax: 25 * 1024 * 1024,
  requestTimeoutMs: 30_000,
  callGasMax: 60_000_000n,
  logsMax: 100_000,
  filterAlternativesMax: 1_000,
  filtersMax: 10_000,
  filterTtlMs: 5 * 60_000,
  filterHashesMax: 10_000,
  feeHistoryBlocksMax: 1_024,
  feeHistoryPercentilesMax: 100,
  slotsMax: 1_024,
  simulateBlocksMax: 256,
  simulateCallsMax: 1_000,
  traceStepsMax: 200_000,
  syncWaitMs: 20_000,
  syncWaitMaxMs: 25_000,
  sendWaitMs: 0,
  subscriptionsMax: 128,
  inFlightMax: 64,
  outgoingBytesMax: 16 * 1024 * 1024,
  outgoingFramesMax: 20_000,
}
