/** Sums of fees are unsigned 128-bit integers, in wei. */
export const SUM_MAX = 2n ** 128n - 1n

/** Leaves of one user's tree: receipts and at most one carry. */
export const USER_LEAVES_MAX = 65_536

/** Users of one batch. A settlement transaction takes 50 of them. */
export const BATCH_USERS_MAX = 4_096

/** Leaves of all users of a batch; a DA blob of that many is 3.4 MB. */
export const BATCH_LEAVES_MAX = 65_536

/** Canonical sampling parameters, UTF-8. */
export const PARAMS_BYTES_MAX = 65_536

/** Stop sequences of a request. */
export const STOPS_MAX = 64

/** Token ids of prompt and answer together. */
export const TOKENS_MAX = 1_048_576
