import type { Hex } from '@zerog/primitives'
import { type BlockRef, blockNumber } from './block.ts'
import { type Codec, DecodeError, kindOf, Mismatch, record } from './decode.ts'
import { address, hash } from './hex.ts'

/** What `eth_getLogs`, `eth_newFilter` and the logs subscription take. */
export type LogCriteria = {
  readonly block: { readonly hash: Hex } | { readonly from: BlockRef | undefined; readonly to: BlockRef | undefined }
  /** Empty: any address. */
  readonly addresses: readonly Hex[]
  /** Position by position; an empty list matches anything. */
  readonly topics: readonly (readonly Hex[])[]
}

const TOPICS_MAX = 4

export function logCriteria(options: { readonly alternativesMax: number }): Codec<LogCriteria> {
  return (value) => {
    const filter = record(value, 'filters.input')
    return {
      block: blockRange(filter),
      addresses: alternatives(filter.address, address, { name: 'addresses', ...options }),
      topics: topics(filter.topics, options),
    }
  }
}

function blockRange(filter: Readonly<Record<string, unknown>>): LogCriteria['block'] {
  const given = (name: string) => filter[name] !== undefined && filter[name] !== null
  if (given('blockHash')) {
    if (given('fromBlock') || given('toBlock')) {
      throw new DecodeError('cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other')
    }
    return { hash: hash(filter.blockHash) }
  }
  return {
    from: given('fromBlock') ? blockNumber(filter.fromBlock) : undefined,
    to: given('toBlock') ? blockNumber(filter.toBlock) : undefined,
  }
}

function topics(value: unknown, options: { readonly alternativesMax: number }): readonly (readonly Hex[])[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw new Mismatch(kindOf(value), '[]interface {}')
  if (value.length > TOPICS_MAX) throw new DecodeError('exceed max topics')
  return value.map((position) => {
    // null inside a list of alternatives matches anything, like the whole list being empty.
    if (Array.isArray(position) && position.includes(null)) return []
    return alternatives(position, hash, { name: 'topics', ...options })
  })
}

function alternatives(
  value: unknown,
  item: Codec<Hex>,
  options: { readonly name: string; readonly alternativesMax: number },
): readonly Hex[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) return [item(value)]
  if (value.length > options.alternativesMax) throw new DecodeError(`exceed max ${options.name}`)
  return value.map(item)
}
