/** Text to token ids and back. Byte-level: every text has tokens, and every list of text tokens has bytes. */
export type Tokenizer = {
  readonly vocabularySize: number
  /** Token that ends a turn. */
  readonly endToken: number
  /** Never produces control tokens: `<|end|>` in a text is seven characters like any other. */
  encode(text: string): number[]
  /** Bytes of one token; none for a control token. */
  tokenBytes(token: number): Uint8Array
  decode(tokens: readonly number[]): string
  decodeStream(): DecodeStream
}

/** Emits whole UTF-8 characters; what is left of a cut character becomes U+FFFD at the end. */
export type DecodeStream = { push(token: number): string; end(): string }
