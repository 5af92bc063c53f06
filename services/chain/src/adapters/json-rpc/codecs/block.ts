import type { Hex } from '@zerog/primitives'
import { type Codec, DecodeError, kindOf, Mismatch } from './decode.ts'
import { hash as hashCodec, parseQuantity } from './hex.ts'

export type BlockTag = 'earliest' | 'latest' | 'safe' | 'finalized' | 'pending'

/** Which block a request means: a tag, a height, or (EIP-1898) a hash. */
export type BlockRef =
  | { readonly kind: 'tag'; readonly tag: BlockTag }
  | { readonly kind: 'height'; readonly height: bigint }
  | { readonly kind: 'hash'; readonly hash: Hex }

export const LATEST: BlockRef = { kind: 'tag', tag: 'latest' }

const TAGS: ReadonlySet<string> = new Set(['earliest', 'latest', 'safe', 'finalized', 'pending'])
const INT64_MAX = (1n << 63n) - 1n

/** geth's rpc.BlockNumber: a tag or a height. */
export const blockNumber: Codec<BlockRef> = (value) => {
  const written = typeof value === 'string' ? value.trim() : JSON.stringify(value)
  if (TAGS.has(written)) return { kind: 'tag', tag: written as BlockTag }
  if (written === '') throw new DecodeError('empty hex string')
  const height = parseQuantity(written, 64)
  if (typeof height === 'string') throw new DecodeError(height)
  if (height > INT64_MAX) throw new DecodeError('block number larger than int64')
  return { kind: 'height', height }
}

/** geth's rpc.BlockNumberOrHash: also a hash, or an object with one of `blockNumber` and `blockHash`. */
export const blockNumberOrHash: Codec<BlockRef> = (value) => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return fromObject(value)
  if (typeof value !== 'string') throw new Mismatch(kindOf(value), 'string')
  if (value.length === 66) return { kind: 'hash', hash: hashCodec(value) }
  return blockNumber(value)
}

function fromObject(value: object): BlockRef {
  const { blockNumber: height, blockHash } = value as { readonly blockNumber?: unknown; readonly blockHash?: unknown }
  const hasHeight = height !== undefined && height !== null
  const hasHash = blockHash !== undefined && blockHash !== null
  if (hasHeight && hasHash) throw new DecodeError('cannot specify both BlockHash and BlockNumber, choose one or the other')
  // requireCanonical needs no check: without reorganisations every block that exists is canonical.
  if (hasHash) return { kind: 'hash', hash: hashCodec(blockHash) }
  if (hasHeight) return blockNumber(height)
  throw new DecodeError('invalid arguments; neither block nor hash specified')
}
