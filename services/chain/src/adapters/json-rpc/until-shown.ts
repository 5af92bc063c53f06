import type { Clock } from '@zerog/ports'
import type { Hex } from '@zerog/primitives'
import type { ChainBackend, LocatedTransaction } from '../../app/chain-backend.ts'

/** The transaction as soon as its block is shown here; undefined when the time is over or the caller is gone first. */
export function untilShown(
  hash: Hex,
  waitMs: number,
  deps: { readonly backend: ChainBackend; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<LocatedTransaction | undefined> {
  const { backend, clock, signal } = deps
  return new Promise((resolve) => {
    const finish = (found: LocatedTransaction | undefined) => {
      stopBlocks()
      stopTimer()
      signal.removeEventListener('abort', giveUp)
      resolve(found)
    }
    const giveUp = () => finish(undefined)
    const look = () => {
      const found = backend.transaction(hash)
      if (found !== undefined) finish(found)
    }
    const stopBlocks = backend.onBlock(look)
    const stopTimer = clock.after(waitMs, giveUp)
    signal.addEventListener('abort', giveUp, { once: true })
    // It may have been sealed before we listened.
    look()
  })
}
