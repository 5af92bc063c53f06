import type { ChainBackend } from '../../app/chain-backend.ts'
import type { BlockRef } from './codecs/block.ts'
import type { LogCriteria } from './codecs/log-filter.ts'
import { invalidParams, serverError } from './errors.ts'

/** The heights that a log filter means, ends included; `to` below `from` is empty. Errors as geth gives them. */
export function resolveRange(backend: ChainBackend, criteria: LogCriteria): { readonly from: bigint; readonly to: bigint } {
  if ('hash' in criteria.block) {
    const block = backend.blockByHash(criteria.block.hash)
    if (block === undefined) throw serverError('unknown block')
    return { from: block.header.height, to: block.header.height }
  }
  const head = backend.head().header.height
  const from = heightOf(criteria.block.from, head)
  const to = heightOf(criteria.block.to, head)
  const numbered = criteria.block.from?.kind === 'height' && criteria.block.to?.kind === 'height'
  if (numbered && from > to) throw invalidParams('invalid block range params')
  if (to > head) throw invalidParams('block range extends beyond current head block')
  return { from, to }
}

function heightOf(ref: BlockRef | undefined, head: bigint): bigint {
  if (ref?.kind === 'height') return ref.height
  return ref?.kind === 'tag' && ref.tag === 'earliest' ? 0n : head
}
