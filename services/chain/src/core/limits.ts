/** Transactions in the pool. */
export const POOL_TRANSACTIONS_MAX = 20_000
/** Bytes of raw transactions in the pool. */
export const POOL_BYTES_MAX = 64 * 1024 * 1024
/** Transactions of one sender, pending and queued. */
export const POOL_SENDER_TRANSACTIONS_MAX = 2_048
/** A sender with at most this many is never evicted for one that has more. */
export const POOL_SENDER_GUARANTEE = 16
/** How far beyond the account's nonce a transaction may be. */
export const POOL_NONCE_GAP_MAX = 4_096n
/** A replacement must raise both fees by this much. */
export const REPLACEMENT_PERCENT = 10n
/** EIP-3860. */
export const INITCODE_BYTES_MAX = 49_152
