import type { Cache, Logger } from '@zerog/ports'
import { assert, ZerogError } from '@zerog/primitives'
import { Redis, ReplyError } from 'ioredis'

export type RedisCacheOptions = {
  /** redis://user:password@host:port/database, rediss:// for TLS. */
  readonly url: string
  /** Before every key. Default `zerog:`. */
  readonly keyPrefix?: string
  readonly logger?: Logger
}

/** Decimal texts without leading zeros compare by length, then by digits. The whole step is one command to Redis, so it is atomic. */
const RAISE = `
  local highest = ARGV[1]
  local seen = redis.call('GET', KEYS[1])
  if seen and (#seen > #highest or (#seen == #highest and seen > highest)) then highest = seen end
  redis.call('SET', KEYS[1], highest, 'PX', ARGV[2])
  return highest`

/** The window begins with the first count in it. */
const COUNT = `
  local total = redis.call('INCRBY', KEYS[1], ARGV[1])
  if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
  return total`

/** After a command without an answer others are refused at once, and after this time one of them asks again. */
const AWAY_MS = 500

/**
 * Shared by all replicas. Slow or away means DEPENDENCY_UNAVAILABLE, within a second the first time and then at once: a cache is not
 * worth waiting for.
 */
export function redisCache({ url, keyPrefix = 'zerog:', logger }: RedisCacheOptions): Cache {
  const redis = new Redis(url, {
    lazyConnect: true,
    keyPrefix,
    connectTimeout: 2_000,
    commandTimeout: 1_000,
    maxRetriesPerRequest: 1,
    enableAutoPipelining: true,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000),
  })
  redis.on('error', (error) => logger?.warn('cache_connection_lost', { error: String(error) }))

  /** What the last command ended with, where that was no answer. */
  let away: { readonly error: unknown; readonly sinceMs: number } | undefined
  let asking = false

  async function ask<T>(work: () => Promise<T>): Promise<T> {
    if (away !== undefined && (asking || performance.now() - away.sinceMs < AWAY_MS)) throw unavailable(away.error)
    const first = away !== undefined
    asking ||= first
    try {
      const answer = await work()
      away = undefined
      return answer
    } catch (error) {
      // A refusal is an answer, too.
      if (!(error instanceof ReplyError)) away = { error, sinceMs: performance.now() }
      throw unavailable(error)
    } finally {
      if (first) asking = false
    }
  }

  function unavailable(error: unknown): ZerogError {
    return new ZerogError('DEPENDENCY_UNAVAILABLE', {
      message: `Redis at ${redis.options.host}:${redis.options.port} does not answer (${error}); check that it runs and can be reached`,
      retryAfterMs: 1_000,
      cause: error,
    })
  }

  return {
    get: (key) => ask(async () => (await redis.get(key)) ?? undefined),
    set: (key, value, ttlMs) =>
      ask(async () => {
        await redis.set(key, value, 'PX', milliseconds(ttlMs))
      }),
    delete: (key) =>
      ask(async () => {
        await redis.del(key)
      }),
    raise(key, value, ttlMs) {
      assert(value >= 0n, 'only numbers from 0 on can be raised')
      return ask(async () => BigInt(String(await redis.eval(RAISE, 1, key, value.toString(), milliseconds(ttlMs)))))
    },
    count: (key, by, windowMs) => ask(async () => Number(await redis.eval(COUNT, 1, key, by, milliseconds(windowMs)))),
    ping: () =>
      ask(async () => {
        await redis.ping()
      }),
    async close() {
      redis.disconnect()
    },
  }
}

/** Redis takes whole milliseconds from 1 on. */
function milliseconds(value: number): number {
  return Math.max(1, Math.ceil(value))
}
