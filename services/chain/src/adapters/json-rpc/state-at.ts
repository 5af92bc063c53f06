import type { BlockEnvironment } from '@zerog/evm'
import type { Hex } from '@zerog/primitives'
import type { ChainBackend, StoredBlock } from '../../app/chain-backend.ts'
import type { BlockRef } from './codecs/block.ts'
import { serverError } from './errors.ts'

/** The stored block that a reference means, if there is one. `latest` = `safe` = `finalized`; `pending` is the newest here. */
export function findBlock(backend: ChainBackend, ref: BlockRef): StoredBlock | undefined {
  switch (ref.kind) {
    case 'height':
      return backend.blockByHeight(ref.height)
    case 'hash':
      return backend.blockByHash(ref.hash)
    case 'tag':
      return ref.tag === 'earliest' ? backend.blockByHeight(0n) : backend.head()
  }
}

/** As `findBlock`; throws as geth does where there is none. */
export function requireBlock(backend: ChainBackend, ref: BlockRef): StoredBlock {
  const block = findBlock(backend, ref)
  if (block === undefined) throw serverError(ref.kind === 'hash' ? 'header for hash not found' : 'header not found')
  return block
}

export type StateAt = {
  readonly block: StoredBlock
  readonly stateRoot: Hex
  readonly environment: BlockEnvironment
}

/** State and environment in which a call runs. */
export function stateAt(backend: ChainBackend, ref: BlockRef): StateAt {
  const block = requireBlock(backend, ref)
  const pending = ref.kind === 'tag' && ref.tag === 'pending'
  return {
    block,
    stateRoot: block.header.stateRoot,
    environment: backend.callEnvironment(block, pending ? 'pending' : 'at'),
  }
}
