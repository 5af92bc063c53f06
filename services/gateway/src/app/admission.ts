import type { Cache, Logger } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'

const WINDOW_MS = 1_000

/** Counts requests per client address over all gateways; refuses above the limit. A cache that is down lets everybody in. */
export function createAdmission(deps: {
  readonly cache: Cache
  readonly logger: Logger
  readonly perSecondMax: number
}): (address: string) => Promise<void> {
  if (deps.perSecondMax === 0) return async () => {}
  let degraded = false
  return async (address) => {
    let count = 0
    try {
      count = await deps.cache.count(`zerog:rate:${address}`, 1, WINDOW_MS)
      degraded = false
    } catch (error) {
      if (!degraded)
        deps.logger.warn('rate_limit_unavailable', { problem: error instanceof Error ? error.message : String(error) })
      degraded = true
    }
    if (count > deps.perSecondMax) {
      throw new ZerogError('RATE_LIMITED', {
        message: `more than ${deps.perSecondMax} requests per second from one address; slow down`,
        retryAfterMs: WINDOW_MS,
      })
    }
  }
}
