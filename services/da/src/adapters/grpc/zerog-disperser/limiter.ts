import type { Cache } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'

const MINUTE_MS = 60_000

/**
 * One request per address and (60 s / N), as 0G's server limits: shared by all dispersers that share a cache.
 * @param unlimited addresses that contain one of these texts are not limited; per minute 0 limits nobody
 */
export function addressLimiter(
  options: {
    readonly name: string
    readonly perMinute: number
    readonly unlimited: readonly string[]
    readonly sentence: string
  },
  cache: Cache,
): (address: string) => Promise<void> {
  const windowMs = options.perMinute === 0 ? 0 : Math.ceil(MINUTE_MS / options.perMinute)
  return async (address) => {
    if (windowMs === 0 || options.unlimited.some((text) => address.includes(text))) return
    // A cache that is away limits nobody: it is never truth.
    const count = await cache.count(`da:${options.name}:${address}`, 1, windowMs).catch(() => 1)
    if (count > 1) throw new ZerogError('RATE_LIMITED', { message: options.sentence, retryAfterMs: windowMs })
  }
}
