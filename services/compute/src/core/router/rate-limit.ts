/** Requests and tokens per minute of a key; undefined is no limit. Fixed windows, as `x-ratelimit-*` of OpenAI's API describes them. */
export type RateLimits = { readonly requestsPerMinute: number | undefined; readonly tokensPerMinute: number | undefined }

export const WINDOW_MS = 60_000

/** Counts of one key in the window that runs. */
export type Window = { readonly startMs: number; readonly requests: number; readonly tokens: number }

export type Admission = {
  readonly window: Window
  /** Which limit refused it, if one did: then nothing was counted. */
  readonly refused: 'requests' | 'tokens' | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly retryAfterMs: number
}

/** Counts a request with the most tokens that it can take. Tokens that it did not take are given back by `giveBack`. */
export function admit(
  window: Window | undefined,
  limits: RateLimits,
  of: { readonly tokens: number; readonly nowMs: number },
): Admission {
  const startMs = of.nowMs - (of.nowMs % WINDOW_MS)
  const current = window?.startMs === startMs ? window : { startMs, requests: 0, tokens: 0 }
  const { requestsPerMinute, tokensPerMinute } = limits
  const refused =
    requestsPerMinute !== undefined && current.requests + 1 > requestsPerMinute
      ? 'requests'
      : // One request may be larger than the whole limit: alone in its window it passes, or it never could.
        tokensPerMinute !== undefined && current.tokens > 0 && current.tokens + of.tokens > tokensPerMinute
        ? 'tokens'
        : undefined
  const next = refused === undefined ? { startMs, requests: current.requests + 1, tokens: current.tokens + of.tokens } : current
  const retryAfterMs = startMs + WINDOW_MS - of.nowMs
  return { window: next, refused, headers: rateHeaders(next, limits, retryAfterMs), retryAfterMs }
}

export function giveBack(window: Window | undefined, startMs: number, tokens: number): Window | undefined {
  if (window === undefined || window.startMs !== startMs) return window
  return { ...window, tokens: Math.max(0, window.tokens - tokens) }
}

function rateHeaders(window: Window, limits: RateLimits, resetMs: number): Record<string, string> {
  const headers: Record<string, string> = {}
  const reset = `${Math.ceil(resetMs / 1000)}s`
  if (limits.requestsPerMinute !== undefined) {
    headers['x-ratelimit-limit-requests'] = String(limits.requestsPerMinute)
    headers['x-ratelimit-remaining-requests'] = String(Math.max(0, limits.requestsPerMinute - window.requests))
    headers['x-ratelimit-reset-requests'] = reset
  }
  if (limits.tokensPerMinute !== undefined) {
    headers['x-ratelimit-limit-tokens'] = String(limits.tokensPerMinute)
    headers['x-ratelimit-remaining-tokens'] = String(Math.max(0, limits.tokensPerMinute - window.tokens))
    headers['x-ratelimit-reset-tokens'] = reset
  }
  return headers
}
