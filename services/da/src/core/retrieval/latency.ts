/** How long members take to begin an answer; the slowest twentieth is not waited for. */
export type Latency = {
  observe(milliseconds: number): void
  /** Wait for so long before others are asked. */
  hedgeMs(): number
}

const SAMPLES = 256
/** Fewer say nothing about a twentieth. */
const SAMPLES_MIN = 20

export function createLatency({ minMs, maxMs }: { readonly minMs: number; readonly maxMs: number }): Latency {
  const ring: number[] = []
  let next = 0
  return {
    observe(milliseconds) {
      ring[next] = milliseconds
      next = (next + 1) % SAMPLES
    },
    hedgeMs() {
      if (ring.length < SAMPLES_MIN) return maxMs
      const sorted = [...ring].sort((a, b) => a - b)
      const p95 = sorted[Math.floor(sorted.length * 0.95)] as number // ring is not empty
      return Math.min(maxMs, Math.max(minMs, Math.ceil(p95 * 1.5)))
    },
  }
}
