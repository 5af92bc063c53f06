import type { Clock, Meter } from '@zerog/ports'
import type { EngineFinish, EngineModel } from './engine.ts'

export type WorkerMetrics = {
  /** One answer that got its slot after `waitedMs`. */
  generation(
    kind: EngineModel['kind'],
    waitedMs: number,
  ): { event(tokenCount: number): void; finished(finish: EngineFinish): void }
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

export function createWorkerMetrics(meter: Meter, clock: Clock): WorkerMetrics {
  const labels = ['engine']
  const waited = meter.histogram({
    name: 'zerog_compute_queue_wait_seconds',
    help: 'Time from a request to its slot.',
    labels,
    buckets: SECONDS,
  })
  const first = meter.histogram({
    name: 'zerog_compute_first_token_seconds',
    help: 'Time from the slot to the first piece of an answer.',
    labels,
    buckets: SECONDS,
  })
  const rate = meter.histogram({
    name: 'zerog_compute_tokens_per_second',
    help: 'Tokens of an answer per second after its first piece.',
    labels,
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000],
  })
  const tokens = meter.counter({
    name: 'zerog_compute_tokens_total',
    help: 'Tokens of prompts and answers.',
    labels: ['engine', 'kind'],
  })
  return {
    generation(engine, waitedMs) {
      waited.observe(waitedMs / 1000, { engine })
      const startMs = clock.monotonicMs()
      let firstMs: number | undefined
      let count = 0
      return {
        event(tokenCount) {
          if (firstMs === undefined) {
            firstMs = clock.monotonicMs()
            first.observe((firstMs - startMs) / 1000, { engine })
          } else count += tokenCount
        },
        finished({ usage }) {
          tokens.add(usage.promptTokens, { engine, kind: 'prompt' })
          tokens.add(usage.completionTokens, { engine, kind: 'completion' })
          const seconds = (clock.monotonicMs() - (firstMs ?? startMs)) / 1000
          if (count > 0 && seconds > 0) rate.observe(count / seconds, { engine })
        },
      }
    },
  }
}
