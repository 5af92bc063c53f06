/** Every bound of data availability in one place, each with its unit. */

/** Rows of one bundle lie in values of a BlobStore, which have at most 4 MiB. */
export const PACK_BYTES_MAX = 4 * 1024 * 1024
