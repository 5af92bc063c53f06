/** Rows are whole chunks of 64 bytes: 32 symbols each. */
export const CHUNK_BYTES = 64
/** Rows of the code, originals and parity, that GF(2^16) has places for. */
export const CODE_ROWS_MAX = 65_536
/** The network's bounds (ARCHITECTURE 3a, DA): original rows, bytes of a row, bytes of a bundle with its header. */
export const ORIGINAL_ROWS_MAX = 4_096
export const ROW_BYTES_MAX = 32_768
export const BUNDLE_BYTES_MAX = 134_217_728
/** The row size up to which more original rows are not needed. */
export const ROW_BYTES_TARGET = 8_192
/** `u8 version ‖ u32 big-endian size` before the payload. */
export const HEADER_BYTES = 5
/** The only version: rsema1d with SHA-256. */
export const VERSION = 0
/** One value of the random linear combination: 8 symbols. */
export const RLC_BYTES = 16
export const HASH_BYTES = 32
