import { ZerogError } from '@zerog/primitives'

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

/** Pairs of token ids in the order of their rank; the result of pair i is token MERGES_FIRST + i. */
export type Merges = readonly (readonly [number, number])[]

/** Control tokens, then the 256 bytes, then merges. */
export const CONTROL = { end: 0, system: 1, user: 2, assistant: 3 } as const
export const BYTES_FIRST = 4
export const MERGES_FIRST = BYTES_FIRST + 256
/** Longest token in bytes, and so the longest merge that a file may hold. */
export const TOKEN_BYTES_MAX = 64
/** Distinct chunks whose tokens are remembered. */
const CACHE_MAX = 8_192

/** Byte-pair encoding. Throws MODEL_INVALID where a pair names a token that does not exist before it. */
export function createTokenizer(merges: Merges): Tokenizer {
  const pieces = piecesOf(merges)
  const ranks = new Map<number, number>()
  for (const [rank, [left, right]] of merges.entries()) {
    const key = pairKey(left, right)
    if (ranks.has(key)) throw new ZerogError('MODEL_INVALID', { message: `merge ${rank} stands in the tokenizer twice` })
    ranks.set(key, rank)
  }
  const cache = new Map<string, readonly number[]>()
  const encoder = new TextEncoder()
  const tokenBytes = (token: number): Uint8Array => {
    const piece = pieces[token]
    if (piece === undefined) throw new RangeError(`token ${token} is not one of ${pieces.length}`)
    return piece
  }
  const decodeStream = (): DecodeStream => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    return { push: (token) => decoder.decode(tokenBytes(token), { stream: true }), end: () => decoder.decode() }
  }
  return {
    vocabularySize: pieces.length,
    endToken: CONTROL.end,
    encode(text) {
      const out: number[] = []
      for (const chunk of chunksOf(encoder.encode(text))) {
        const key =
          String.fromCharCode(...chunk.subarray(0, TOKEN_BYTES_MAX)) + (chunk.length > TOKEN_BYTES_MAX ? chunk.length : '')
        let tokens = chunk.length > TOKEN_BYTES_MAX ? undefined : cache.get(key)
        if (tokens === undefined) {
          tokens = mergeChunk(chunk, ranks)
          if (chunk.length <= TOKEN_BYTES_MAX && cache.size < CACHE_MAX) cache.set(key, tokens)
        }
        for (const token of tokens) out.push(token)
      }
      return out
    },
    tokenBytes,
    decode(tokens) {
      const stream = decodeStream()
      return tokens.map((token) => stream.push(token)).join('') + stream.end()
    },
    decodeStream,
  }
}

/**
 * Chunks within which merges happen: a run of letters (ASCII letters and all bytes above 127), of digits, or of other characters, with
 * one space before it if there is one; each other white space (9, 10, 13, 32) stands alone.
 */
export function chunksOf(bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = []
  let start = 0
  while (start < bytes.length) {
    let end = start + 1
    const first = bytes[start] as number
    const next = bytes[end]
    let kind = kindOf(first)
    if (first === 32 && next !== undefined && kindOf(next) !== 'space') kind = kindOf(next)
    if (kind !== 'space')
      while (end < bytes.length && end - start < CHUNK_BYTES_MAX && kindOf(bytes[end] as number) === kind) end++
    chunks.push(bytes.subarray(start, end))
    start = end
  }
  return chunks
}

/** A longer run is cut, so that the time to encode a text grows with its length alone (about 1 ms per KiB at worst). */
const CHUNK_BYTES_MAX = TOKEN_BYTES_MAX

function kindOf(byte: number): 'letter' | 'digit' | 'space' | 'other' {
  if ((byte | 32) >= 97 && (byte | 32) <= 122) return 'letter'
  if (byte >= 128) return 'letter'
  if (byte >= 48 && byte <= 57) return 'digit'
  return byte === 32 || byte === 9 || byte === 10 || byte === 13 ? 'space' : 'other'
}

/** Joins the pair of the lowest rank, the leftmost first, until none is left. `skip` leaves single joins out (training only). */
export function mergeChunk(chunk: Uint8Array, ranks: ReadonlyMap<number, number>, skip?: () => boolean): number[] {
  const tokens = Array.from(chunk, (byte) => BYTES_FIRST + byte)
  for (;;) {
    let best = Number.POSITIVE_INFINITY
    let at = -1
    for (let i = 0; i + 1 < tokens.length; i++) {
      const rank = ranks.get(pairKey(tokens[i] as number, tokens[i + 1] as number))
      if (rank !== undefined && rank < best && !skip?.()) {
        best = rank
        at = i
      }
    }
    if (at < 0) return tokens
    tokens.splice(at, 2, MERGES_FIRST + best)
  }
}

export function pairKey(left: number, right: number): number {
  return left * 65_536 + right
}

function piecesOf(merges: Merges): Uint8Array[] {
  const pieces: Uint8Array[] = Array.from({ length: BYTES_FIRST }, () => new Uint8Array())
  for (let byte = 0; byte < 256; byte++) pieces.push(Uint8Array.of(byte))
  for (const [rank, [left, right]] of merges.entries()) {
    const [a, b] = [pieces[left], pieces[right]]
    if (a === undefined || b === undefined || a.length === 0 || b.length === 0 || a.length + b.length > TOKEN_BYTES_MAX) {
      throw new ZerogError('MODEL_INVALID', {
        message: `merge ${rank} of the tokenizer joins ${left} and ${right}: it may join text tokens before it, to ${TOKEN_BYTES_MAX} bytes`,
      })
    }
    const piece = new Uint8Array(a.length + b.length)
    piece.set(a)
    piece.set(b, a.length)
    pieces.push(piece)
  }
  return pieces
}
