import type { Meter } from '@zerog/ports'

export type RouterMetrics = {
  request(route: string, status: number, seconds: number): void
  firstByte(seconds: number): void
  attempt(outcome: 'ok' | 'failed' | 'refused'): void
  retried(): void
  receiptRefused(problem: string): void
  tokens(prompt: number, completion: number): void
  replayed(): void
  cost(wei: bigint): void
}

const SECONDS = [0.0005, 0.001, 0.0015, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

export function createRouterMetrics(meter: Meter): RouterMetrics {
  const requests = meter.counter({
    name: 'zerog_compute_router_requests_total',
    help: 'Requests by route and class of status.',
    labels: ['route', 'status'],
  })
  const duration = meter.histogram({
    name: 'zerog_compute_router_request_seconds',
    help: 'Time from a request that is whole to the end of its answer.',
    labels: ['route'],
    buckets: SECONDS,
  })
  const first = meter.histogram({
    name: 'zerog_compute_router_first_byte_seconds',
    help: 'Time from a request that is whole to the first byte of its answer.',
    buckets: SECONDS,
  })
  const attempts = meter.counter({
    name: 'zerog_compute_router_attempts_total',
    help: 'Requests sent to providers, by outcome.',
    labels: ['outcome'],
  })
  const retries = meter.counter({ name: 'zerog_compute_router_retries_total', help: 'Requests that went to a second provider.' })
  const refused = meter.counter({
    name: 'zerog_compute_router_receipts_refused_total',
    help: 'Receipts that did not fit their answer, by what was wrong.',
    labels: ['problem'],
  })
  const tokens = meter.counter({
    name: 'zerog_compute_router_tokens_total',
    help: 'Tokens of answers in the books.',
    labels: ['kind'],
  })
  const replays = meter.counter({
    name: 'zerog_compute_router_replays_total',
    help: 'Answers given again for a repeated Idempotency-Key.',
  })
  const gwei = meter.counter({ name: 'zerog_compute_router_cost_gwei_total', help: 'Cost of answers in the books.' })
  return {
    request(route, status, seconds) {
      requests.add(1, { route, status: `${Math.floor(status / 100)}xx` })
      duration.observe(seconds, { route })
    },
    firstByte: (seconds) => first.observe(seconds),
    attempt: (outcome) => attempts.add(1, { outcome }),
    retried: () => retries.add(),
    receiptRefused: (problem) => refused.add(1, { problem }),
    tokens(prompt, completion) {
      tokens.add(prompt, { kind: 'prompt' })
      tokens.add(completion, { kind: 'completion' })
    },
    replayed: () => replays.add(),
    cost: (wei) => gwei.add(Number(wei / 1_000_000_000n)),
  }
}
