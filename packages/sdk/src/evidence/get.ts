import { ZerogError } from '@zerog/primitives'
import type { Context } from '../client.ts'
import { type ComputeOptions, callRouter } from '../compute/api.ts'

export type EvidenceOptions = ComputeOptions & {
  /** How long to wait for an answer that is not settled yet, ms. Default 0: it is refused with `retryAfterMs`. */
  readonly waitMs?: number
}

/** Between two questions at least, and at most, ms. */
const PAUSE_MIN_MS = 100
const PAUSE_MAX_MS = 10_000

/**
 * Evidence of an answer of this key, made by its provider once the fee is settled: a file for `verifyEvidence`, with the hashes of request
 * and answer. `attachAnswer` puts their bytes in.
 * @example const bytes = await getEvidence(client, answer.id, { apiKey, waitMs: 60_000 })
 * @throws ZerogError WRONG_STATE where it is not made yet (`retryAfterMs` is set) or never will be (it is not), NOT_FOUND
 */
export async function getEvidence(context: Context, answerId: string, options: EvidenceOptions): Promise<Uint8Array> {
  const untilMs = performance.now() + (options.waitMs ?? 0)
  for (;;) {
    try {
      const response = await callRouter(context, { path: `/evidence/${encodeURIComponent(answerId)}` }, options)
      return new Uint8Array(await response.arrayBuffer())
    } catch (error) {
      if (!(error instanceof ZerogError) || error.retryAfterMs === undefined) throw error
      const pauseMs = Math.min(Math.max(error.retryAfterMs, PAUSE_MIN_MS), PAUSE_MAX_MS)
      if (performance.now() + pauseMs > untilMs) throw error
      await pause(pauseMs, options.signal)
    }
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      reject(new ZerogError('CANCELLED', { message: 'the wait for evidence was cancelled', cause: signal?.reason }))
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    if (signal?.aborted === true) return stop()
    signal?.addEventListener('abort', stop, { once: true })
  })
}
