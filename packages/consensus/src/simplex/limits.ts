/** Votes are taken for the current view and this many after it; beyond, only certificates (which cost a quorum to make) count. */
export const VIEWS_AHEAD_MAX = 16

/** Views asked for, and answered, in one request. */
export const REQUEST_VIEWS_MAX = 64

/** Blocks asked for in one request. */
export const REQUEST_BLOCKS_MAX = 4

/** Blocks, asked ones and their ancestors, sent in answer to one request. */
export const RESPONSE_BLOCKS_MAX = 64

/** Views between what is known to be final and what is here. Beyond, blocks come from a stream (effect `synchronize`), not through the voter. */
export const VIEWS_BEHIND_MAX = 256

/** Validators of one epoch; bounds the bitmap of a certificate. */
export const VALIDATORS_MAX = 1024

/** Requests and late nullify votes of one peer that are answered within one retry interval. */
export const ANSWERS_PER_RETRY_MAX = 4

/** Timeouts grow by their base for each so many views without finalization, up to the factor. */
export const VIEWS_PER_PATIENCE = 12
export const PATIENCE_MAX = 16
