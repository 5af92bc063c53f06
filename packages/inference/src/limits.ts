/** Ranges of a model's sizes; they keep every sum of the arithmetic within 2^53. */
export const SHAPE_LIMITS = {
  vocabularySize: { least: 260, most: 65_536, multiple: 1 },
  width: { least: 16, most: 1_024, multiple: 16 },
  layerCount: { least: 1, most: 32, multiple: 1 },
  headCount: { least: 1, most: 128, multiple: 1 },
  hiddenWidth: { least: 16, most: 4_096, multiple: 16 },
  contextTokens: { least: 2, most: 4_096, multiple: 1 },
} as const
/** Channels of a head: a multiple of 8, at most this. */
export const HEAD_WIDTH_MAX = 128
/** Multipliers are below this. */
export const MULTIPLIER_LIMIT = 2 ** 24
export const SHIFT_MAX = 47
/** A model file in bytes. */
export const MODEL_BYTES_MAX = 256 * 1024 * 1024
export const TEXT_BYTES_MAX = 1_024
/** Sequences of one engine. */
export const SEQUENCES_MAX = 256
/** Rows of one step. */
export const STEP_TOKENS_MAX = 1_024
/** Bytes of key-value caches of one engine. */
export const CACHE_BYTES_MAX = 2 ** 31
export const TOP_LOGPROBS_MAX = 20
export const TEMPERATURE_MILLI_MAX = 2_000
