/** One kind of request at a fixed rate, whatever becomes of the answers. */
export type LaneReport = {
  readonly name: string
  readonly sent: number
  /** Not answered within the patience, after all repetitions. */
  readonly failed: number
  /** Requests that needed more than one attempt. */
  readonly repeated: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** The last error of each failed request, at most ten. */
  readonly errors: readonly string[]
}

export type Lane = { readonly stop: () => Promise<LaneReport> }

/** What users wait before they call a request failed. */
export const PATIENCE_MS = 10_000
/** One attempt: a request that went down with a process is sent again instead of waiting for an answer that cannot come. */
const ATTEMPT_MS = 4_000
const PAUSE_FIRST_MS = 50
const PAUSE_MAX_MS = 500
/** Requests of a lane that may be open at once: a lane that falls behind waits here instead of filling memory. */
const OPEN_MAX = 512
const ERRORS_KEPT = 10

/** Starts a request every 1/rate seconds; each is repeated with growing pauses until it succeeds or `PATIENCE_MS` have passed. */
export function startLane(options: {
  readonly name: string
  readonly perSecond: number
  readonly request: (index: number, signal: AbortSignal) => Promise<unknown>
}): Lane {
  const startedMs = performance.now()
  const latencies: number[] = []
  const errors: string[] = []
  const open = new Set<Promise<void>>()
  let sent = 0
  let failed = 0
  let repeated = 0

  async function one(index: number): Promise<void> {
    const beganMs = performance.now()
    let pauseMs = PAUSE_FIRST_MS
    for (let attempts = 1; ; attempts++) {
      const leftMs = PATIENCE_MS - (performance.now() - beganMs)
      try {
        await options.request(index, AbortSignal.timeout(Math.max(1, Math.ceil(Math.min(leftMs, ATTEMPT_MS)))))
        latencies.push(performance.now() - beganMs)
        if (attempts > 1) repeated++
        return
      } catch (error) {
        if (performance.now() - beganMs + pauseMs > PATIENCE_MS) {
          failed++
          latencies.push(performance.now() - beganMs)
          if (errors.length < ERRORS_KEPT) errors.push(`${new Date().toISOString()} ${sentenceOf(error)}`)
          return
        }
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
        pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)
      }
    }
  }

  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedMs) * options.perSecond) / 1000)
    while (sent < due && open.size < OPEN_MAX) {
      const running = one(sent++)
      open.add(running)
      void running.finally(() => open.delete(running))
    }
  }, 10)

  return {
    async stop() {
      clearInterval(timer)
      await Promise.all(open)
      const sorted = latencies.sort((a, b) => a - b)
      const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)
      return { name: options.name, sent, failed, repeated, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), errors }
    },
  }
}

function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
  return `${error.message}${cause}`
}
