import { assert } from '@zerog/primitives'
import type { ChainBackend, StoredBlock } from './chain-backend.ts'

/**
 * Every block from a height on, without gaps, until the signal aborts. Nothing is buffered for a reader: a slow one reads from
 * the store when it asks again, so it costs no memory and never makes the chain wait.
 */
export async function* followBlocks(
  backend: Pick<ChainBackend, 'head' | 'blockByHeight' | 'waitForHeight'>,
  options: { readonly fromHeight: bigint; readonly signal: AbortSignal },
): AsyncGenerator<StoredBlock> {
  const { signal } = options
  for (let height = options.fromHeight; !signal.aborted; height++) {
    if (backend.head().header.height < height) {
      try {
        await backend.waitForHeight(height, signal)
      } catch (error) {
        if (signal.aborted) return
        throw error
      }
    }
    const block = backend.blockByHeight(height)
    assert(block !== undefined, `block ${height} is below the head but not in the store`)
    yield block
  }
}
