import type { Clock, Logger } from '@zerog/ports'
import { type Hex, keccak256, toHex } from '@zerog/primitives'
import { badRequest, OpenAiError } from '../../core/openai/errors.ts'
import type { Asked } from './attempt.ts'
import type { RouterMetrics } from './metrics.ts'
import type { RouterRepository, StoredAnswer } from './ports.ts'
import type { Memory } from './router.ts'

/** Kept for a day, as others do. */
const KEEP_MS = 24 * 60 * 60 * 1000

export type Idempotency = {
  /** The kept answer, or where to keep the new one. Throws 409 while the first request runs, 422 for another request under the same key. */
  claim(
    keyId: string,
    idempotencyKey: string,
    asked: Pick<Asked, 'path' | 'body'>,
  ): Promise<{ readonly replay: StoredAnswer } | { readonly memory: Memory }>
}

export function createIdempotency(
  options: { readonly holder: string },
  deps: {
    readonly repository: RouterRepository
    readonly clock: Clock
    readonly logger: Logger
    readonly metrics: RouterMetrics
  },
): Idempotency {
  const { repository, clock, logger, metrics } = deps
  return {
    async claim(keyId, idempotencyKey, asked) {
      if (!/^[\x21-\x7e]{1,255}$/.test(idempotencyKey)) {
        throw badRequest('Idempotency-Key must be 1 to 255 visible ASCII characters.', undefined, 'invalid_idempotency_key')
      }
      const nowMs = clock.nowMs()
      const claim = await repository.claimIdempotency({
        keyId,
        idempotencyKey,
        fingerprint: fingerprintOf(asked),
        holder: options.holder,
        nowMs,
        expiresAtMs: nowMs + KEEP_MS,
      })
      switch (claim.kind) {
        case 'stored':
          metrics.replayed()
          return { replay: { ...claim.answer, headers: { ...claim.answer.headers, 'idempotent-replayed': 'true' } } }
        case 'running':
          throw new OpenAiError({
            status: 409,
            message: 'The first request with this Idempotency-Key still runs. Ask again in a moment.',
            type: 'invalid_request_error',
            code: 'idempotency_in_progress',
            retryAfterMs: 500,
          })
        case 'other_request':
          throw new OpenAiError({
            status: 422,
            message: 'This Idempotency-Key belongs to another request. Use a new one for a new request.',
            type: 'invalid_request_error',
            code: 'idempotency_key_reused',
          })
        case 'new':
          return { memory: memoryOf(keyId, idempotencyKey) }
      }
    },
  }

  function memoryOf(keyId: string, idempotencyKey: string): Memory {
    return {
      entry: (answer) => ({ answers: [{ keyId, idempotencyKey, answer }] }),
      drop: () =>
        repository.dropIdempotency(keyId, idempotencyKey).catch((error) => logger.warn('idempotency_not_dropped', { error })),
    }
  }
}

function fingerprintOf({ path, body }: Pick<Asked, 'path' | 'body'>): Hex {
  const prefix = new TextEncoder().encode(`${path}\n`)
  const bytes = new Uint8Array(prefix.length + body.length)
  bytes.set(prefix)
  bytes.set(body, prefix.length)
  return toHex(keccak256(bytes))
}
