import type { Clock } from '@zerog/ports'
import type { Hex } from '@zerog/primitives'
import { OpenAiError, quotaExceeded, unauthorized } from '../../core/openai/errors.ts'
import { EMPTY_PURSE, grant, type Purse, reserve, settle, wanted } from '../../core/router/purse.ts'
import { admit, giveBack, type Window } from '../../core/router/rate-limit.ts'
import { bearerOf, virtualKeyDigest } from '../../core/router/virtual-key.ts'
import type { RouterRepository, VirtualKey } from './ports.ts'

/** A key that was let in, with what this router keeps of it in memory. */
export type LiveKey = {
  readonly digest: Hex
  record: VirtualKey
  readAtMs: number
  purse: Purse
  window: Window | undefined
  running: number
  /** One question about its budget to the store at a time. */
  asking: Promise<void> | undefined
  /** Its record is being read again. */
  reading: boolean
  /** How often it was changed here: what was read before is old. */
  changes: number
}

/** Money and tokens that one request holds. */
export type Hold = {
  readonly key: LiveKey
  readonly feeMax: bigint
  readonly headers: Readonly<Record<string, string>>
  /** Exactly once. `cost` is 0n for an answer that nobody pays. */
  end(used: { readonly cost: bigint; readonly tokens: number }): void
}

export type Keys = {
  /** `fresh`: with budget and spending as the books have them now. */
  authenticate(authorization: string | undefined, options?: { readonly fresh?: boolean }): Promise<LiveKey>
  /** Counts a request of a key and reserves the most that it can cost. Throws 429 in OpenAI's words. */
  hold(key: LiveKey, of: { readonly feeMax: bigint; readonly tokensMax: number }): Promise<Hold>
  /** Forgets what is remembered of a key, after the administrator changed it. */
  forget(keyId: string): void
  readonly count: number
}

const KEYS_MAX = 100_000
const RUNNING_PER_KEY_MAX = 512

/** Virtual keys: read once, then served from memory; a change elsewhere counts after `keyTtlMs`. */
export function createKeys(
  options: { readonly keyTtlMs: number; readonly holder: string },
  deps: { readonly repository: RouterRepository; readonly clock: Clock },
): Keys {
  const { repository, clock } = deps
  const byDigest = new Map<Hex, LiveKey>()

  async function read(digest: Hex): Promise<LiveKey> {
    const changes = byDigest.get(digest)?.changes
    const record = await repository.keyByDigest(digest)
    if (record === undefined || record.revoked) {
      throw unauthorized(
        'Incorrect API key provided. Keys of this router begin with sk-zerog-; zerog compute key create makes one.',
      )
    }
    const known = byDigest.get(digest)
    if (known !== undefined) {
      known.record = record
      if (known.changes === changes) known.readAtMs = clock.nowMs()
      return known
    }
    if (byDigest.size >= KEYS_MAX) dropIdle()
    const live: LiveKey = {
      digest,
      record,
      readAtMs: clock.nowMs(),
      purse: EMPTY_PURSE,
      window: undefined,
      running: 0,
      asking: undefined,
      reading: false,
      changes: 0,
    }
    byDigest.set(digest, live)
    return live
  }

  /** Reads a key that is in use before its time is over, so that no request waits for that. */
  function refresh(key: LiveKey): void {
    if (key.reading) return
    key.reading = true
    read(key.digest)
      .catch((error) => {
        // Revoked: the next request hears of it itself. While the database is away what is known serves until its time is over.
        if (error instanceof OpenAiError) key.readAtMs = Number.NEGATIVE_INFINITY
      })
      .finally(() => {
        key.reading = false
      })
  }

  /** The oldest that nothing depends on: a purse with money in it must stay known. */
  function dropIdle(): void {
    for (const [digest, key] of byDigest) {
      if (key.running > 0 || key.purse.granted > 0n) continue
      byDigest.delete(digest)
      return
    }
    throw new OpenAiError({ status: 503, message: 'too many keys are in use at once', code: 'overloaded', retryAfterMs: 1000 })
  }

  async function fund(key: LiveKey, feeMax: bigint): Promise<void> {
    if (key.record.budget === null) return
    for (;;) {
      const reserved = reserve(key.purse, feeMax)
      if (reserved !== undefined) {
        key.purse = reserved
        return
      }
      if (key.asking !== undefined) {
        await key.asking
        continue
      }
      const { id, budget, spent } = key.record
      const ask = wanted(key.purse, feeMax, budget > spent ? budget - spent : 0n)
      const atLeast = key.purse.reserved + feeMax - key.purse.granted
      let granted = 0n
      key.asking = repository
        .grant({ keyId: id, holder: options.holder, wanted: ask, atLeast })
        .then((amount) => {
          granted = amount
          key.purse = grant(key.purse, amount)
        })
        .finally(() => {
          key.asking = undefined
        })
      await key.asking
      if (granted === 0n && reserve(key.purse, feeMax) === undefined) {
        throw quotaExceeded('You exceeded the budget of this key: this request could cost more than what is left of it.')
      }
    }
  }

  return {
    async authenticate(authorization, { fresh = false } = {}) {
      const text = bearerOf(authorization)
      if (text === undefined) {
        throw unauthorized(
          "You didn't provide an API key. Send it in the header: Authorization: Bearer sk-zerog-…",
          'missing_api_key',
        )
      }
      const digest = virtualKeyDigest(text)
      if (digest === undefined) throw unauthorized('Incorrect API key provided. Keys of this router begin with sk-zerog-.')
      const known = byDigest.get(digest)
      const ageMs = known === undefined ? Number.POSITIVE_INFINITY : clock.nowMs() - known.readAtMs
      if (fresh || known === undefined || ageMs >= options.keyTtlMs) return read(digest)
      if (ageMs > options.keyTtlMs / 2) refresh(known)
      return known
    },
    async hold(key, { feeMax, tokensMax }) {
      if (key.running >= RUNNING_PER_KEY_MAX) {
        const message = `More than ${RUNNING_PER_KEY_MAX} requests of this key run at once.`
        throw new OpenAiError({ status: 429, message, type: 'requests', code: 'rate_limit_exceeded', retryAfterMs: 1000 })
      }
      const admission = admit(key.window, key.record.limits, { tokens: tokensMax, nowMs: clock.nowMs() })
      key.window = admission.window
      if (admission.refused !== undefined) {
        throw new RateLimited(admission.refused, admission.retryAfterMs, admission.headers)
      }
      key.running++
      try {
        await fund(key, feeMax)
      } catch (error) {
        key.running--
        key.window = giveBack(key.window, admission.window.startMs, tokensMax)
        throw error
      }
      let ended = false
      return {
        key,
        feeMax,
        headers: admission.headers,
        end({ cost, tokens }) {
          if (ended) return
          ended = true
          key.running--
          key.window = giveBack(key.window, admission.window.startMs, Math.max(0, tokensMax - tokens))
          if (key.record.budget !== null) key.purse = settle(key.purse, feeMax, cost)
        },
      }
    },
    forget(keyId) {
      for (const key of byDigest.values()) {
        if (key.record.id !== keyId) continue
        key.readAtMs = Number.NEGATIVE_INFINITY
        key.changes++
      }
    },
    get count() {
      return byDigest.size
    },
  }
}

/** Carries the `x-ratelimit-*` headers that say when to come back. */
export class RateLimited extends OpenAiError {
  readonly limitHeaders: Readonly<Record<string, string>>

  constructor(kind: 'requests' | 'tokens', retryAfterMs: number, headers: Readonly<Record<string, string>>) {
    super({
      status: 429,
      message: `Rate limit reached for ${kind} per minute of this key. Try again in ${Math.ceil(retryAfterMs / 1000)} s.`,
      type: kind,
      code: 'rate_limit_exceeded',
      retryAfterMs,
    })
    this.limitHeaders = headers
  }

  override headers(): Readonly<Record<string, string>> {
    return { ...this.limitHeaders, ...super.headers() }
  }
}
