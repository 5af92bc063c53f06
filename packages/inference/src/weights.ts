/** Scale of one number: round-half-away(value * multiplier / 2^shift). multiplier < 2^24, shift <= 47. */
export type Scale = { readonly multiplier: number; readonly shift: number }

/** A matrix of u8 with one zero point, row-major [rows][columns], and one multiplier per row. */
export type Linear = {
  readonly rows: number
  readonly columns: number
  readonly weights: Uint8Array
  readonly zero: number
  readonly multipliers: Uint32Array
  readonly shift: number
}

/** RMS normalisation without gain; the result is u8 with this zero point. */
export type Norm = Scale & { readonly zero: number }

export type LayerWeights = {
  readonly attentionNorm: Norm
  /** [3 * width][width]: queries, keys, values. Its result is u8 with the zero point `qkvZero`. */
  readonly qkv: Linear
  readonly qkvZero: number
  /** Of a query-key product, to octaves in Q8. */
  readonly score: Scale
  /** Per head, octaves in Q8 that a distance of one token costs. */
  readonly slopes: Uint16Array
  /** Of the mixed values (Q14), to u8 with this zero point. */
  readonly mixed: Norm
  /** [width][width], to the residual stream. */
  readonly output: Linear
  readonly hiddenNorm: Norm
  /** [hiddenWidth][width], to u8 with the zero point `upZero`. */
  readonly up: Linear
  readonly upZero: number
  /** 256 entries, applied to the result of `up`. */
  readonly activation: Uint8Array
  /** Zero point of the activation's results. */
  readonly activationZero: number
  /** [width][hiddenWidth], to the residual stream. */
  readonly down: Linear
}

export type ModelWeights = {
  /** [vocabularySize][width], to the residual stream (Q10). */
  readonly embedding: Linear
  readonly layers: readonly LayerWeights[]
  readonly finalNorm: Norm
  /** [vocabularySize][width], to octaves in Q16. Shares its bytes with the embedding where the file says so. */
  readonly head: Linear
}
