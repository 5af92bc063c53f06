import type { Cache, Logger, Meter } from '@zerog/ports'
import { LIMITS } from '../limits.ts'

/**
 * The highest height that any reply of any gateway has shown. A request carries it, so that what a client reads never goes
 * back, whichever replica or gateway answers (ARCHITECTURE 3a, block tags).
 */
export type Heights = {
  /** What the next forwarded request must see at least. */
  readonly stamp: () => Promise<bigint>
  /** Called with the height of a reply, and awaited, before the reply leaves. */
  readonly shown: (height: bigint) => Promise<void>
  readonly highest: () => bigint
}

export function createHeights(deps: {
  readonly cache: Cache
  readonly logger: Logger
  readonly meter: Meter
  readonly chainId: number
}): Heights {
  const key = `zerog:${deps.chainId}:height`
  const failures = deps.meter.counter({
    name: 'zerog_gateway_height_share_failures_total',
    help: 'Times the shared height could not be read or raised; heights are then monotone per gateway only.',
  })
  let local = 0n
  let degraded = false

  async function share(): Promise<void> {
    try {
      const highest = await deps.cache.raise(key, local, LIMITS.heightTtlMs)
      if (highest > local) local = highest
      degraded = false
    } catch (error) {
      failures.add()
      if (!degraded) deps.logger.warn('height_share_failed', { problem: error instanceof Error ? error.message : String(error) })
      degraded = true
    }
  }

  return {
    stamp: async () => {
      await share()
      return local
    },
    shown: async (height) => {
      if (height <= local) return
      local = height
      await share()
    },
    highest: () => local,
  }
}

/** For `--chain-only`, where `evm_revert` may take the chain back: nothing is promised about heights. */
export function unstampedHeights(): Heights {
  let local = 0n
  return {
    stamp: async () => 0n,
    shown: async (height) => {
      local = height
    },
    highest: () => local,
  }
}
