import type { ChainClient, ChainLog, Clock, Logger } from '@zerog/ports'
import { type Hex, ZerogError } from '@zerog/primitives'
import type { Heights } from './heights.ts'
import type { ProviderEvent } from './ports.ts'
import type { BrokerRepository } from './repository.ts'

export type FollowOptions = {
  readonly addresses: readonly Hex[]
  /** The height is kept at most this often while nothing happens, ms. */
  readonly idleHeightMs: number
}

export type FollowDeps = {
  readonly chain: Pick<ChainClient, 'head' | 'watch'>
  readonly repository: Pick<BrokerRepository, 'height' | 'recordHeight'>
  readonly read: (log: ChainLog) => readonly ProviderEvent[]
  readonly apply: (event: ProviderEvent) => Promise<void>
  readonly heights: Heights
  readonly clock: Clock
}

/** `follow` again and again: an outage of database or chain ends a turn, and the next begins where the last one was kept. */
export async function followThroughOutages(
  options: FollowOptions & { readonly pauseMs: number },
  deps: FollowDeps & { readonly logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      return await follow(options, deps, signal)
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof ZerogError) || !OUTAGES.has(error.status)) throw error
      deps.logger.warn('chain_not_followed', { error })
      await deps.clock.sleep(options.pauseMs, signal).catch(() => {})
    }
  }
}

const OUTAGES: ReadonlySet<string> = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED'])

/**
 * Applies finalized blocks from where this provider stopped, in order; a block counts as applied when all of it is. Every broker follows
 * for itself: what they write is the same. A database without a height starts at the head, for it has no batch to find anything about.
 */
async function follow(options: FollowOptions, deps: FollowDeps, signal: AbortSignal): Promise<void> {
  const { repository, heights, clock } = deps
  const known = await repository.height()
  const fromHeight = known === undefined ? (await deps.chain.head()).height : known + 1n
  if (known !== undefined) heights.seen(known)
  let keptAtMs = Number.NEGATIVE_INFINITY
  for await (const block of deps.chain.watch({ fromHeight, filter: { addresses: options.addresses }, signal })) {
    const events = block.logs.flatMap(deps.read)
    for (const event of events) await deps.apply(event)
    heights.seen(block.height)
    if (events.length === 0 && clock.monotonicMs() - keptAtMs < options.idleHeightMs) continue
    await repository.recordHeight(block.height)
    keptAtMs = clock.monotonicMs()
  }
}
