import { type Alert, type Layer, type Recording, targetsOf } from './model.ts'

type Slo = Availability & { readonly latency: Latency }

type Latency = {
  /** Share of requests that are answered within `seconds`, over 30 days. */
  readonly objective: number
  /** A bound of the histogram's buckets, as Prometheus writes it. */
  readonly seconds: string
  readonly histogram: string
  readonly matcher: string
}

type Availability = {
  /** Share of requests that must not fail by our fault, over 30 days. */
  readonly objective: number
  /** Failed and all requests per second over a window; vectors that are summed by namespace. */
  readonly errors: (window: string) => string
  readonly total: (window: string) => string
}

/** Statuses that no other request of the client would have avoided. */
const OUR_FAULT = 'INTERNAL|UNAVAILABLE|DEADLINE_EXCEEDED|DATA_LOSS'

function rpcSlo(layer: Layer, objective: number): Availability {
  const calls = (more: string) => `zerog_rpc_server_calls_total{${targetsOf(layer)},method!~"grpc[.].*"${more}}`
  return {
    objective,
    errors: (window) => `rate(${calls(`,status=~"${OUR_FAULT}"`)}[${window}])`,
    total: (window) => `rate(${calls('')}[${window}])`,
  }
}

export const SLOS: Readonly<Record<Layer, Slo>> = {
  chain: {
    objective: 0.999,
    errors: (window) => `rate(zerog_chain_rpc_requests_total{outcome="failed"}[${window}])`,
    total: (window) => `rate(zerog_chain_rpc_requests_total[${window}])`,
    latency: { objective: 0.99, seconds: '1', histogram: 'zerog_chain_rpc_request_seconds', matcher: 'target=~"chain-.*"' },
  },
  storage: {
    ...rpcSlo('storage', 0.999),
    latency: {
      objective: 0.99,
      seconds: '5',
      histogram: 'zerog_rpc_server_duration_seconds',
      // Streams last as long as their bytes.
      matcher: 'target="storage-gateway",method!~".*(Upload|Download|Read|Watch).*|grpc[.].*"',
    },
  },
  da: {
    ...rpcSlo('da', 0.999),
    latency: { objective: 0.99, seconds: '5', histogram: 'zerog_da_certificate_seconds', matcher: 'target="da-disperser"' },
  },
  compute: {
    objective: 0.995,
    errors: (window) => `rate(zerog_compute_router_requests_total{status="5xx"}[${window}])`,
    total: (window) => `rate(zerog_compute_router_requests_total[${window}])`,
    latency: {
      objective: 0.95,
      seconds: '5',
      histogram: 'zerog_compute_router_first_byte_seconds',
      matcher: 'target="compute-router"',
    },
  },
  gateway: {
    objective: 0.999,
    // A failed JSON-RPC request is answered with 200 and an error in its body.
    errors: (window) =>
      `rate(zerog_gateway_requests_total{status="5xx"}[${window}]) or rate(zerog_gateway_json_rpc_duration_seconds_count{outcome="failed"}[${window}])`,
    total: (window) => `rate(zerog_gateway_requests_total{status!="aborted"}[${window}])`,
    latency: { objective: 0.99, seconds: '1', histogram: 'zerog_gateway_request_seconds', matcher: 'face="json_rpc"' },
  },
}

const WINDOWS = ['5m', '30m', '1h', '6h'] as const

export const ratioName = (window: string): string => `zerog:request_errors:ratio_rate${window}`
export const slowName = (window: string): string => `zerog:slow_requests:ratio_rate${window}`

/** Share of failed requests, and of slow ones, per layer and window. */
export function recordings(layer: Layer): readonly Recording[] {
  const { errors, total, latency } = SLOS[layer]
  const { histogram, matcher, seconds } = latency
  return WINDOWS.flatMap((window) => {
    const quick = `rate(${histogram}_bucket{${matcher},le="${seconds}"}[${window}])`
    const all = `rate(${histogram}_count{${matcher}}[${window}])`
    return [
      {
        record: ratioName(window),
        layer,
        expr: `sum by (namespace) (${errors(window)}) / sum by (namespace) (${total(window)})`,
      },
      { record: slowName(window), layer, expr: `1 - sum by (namespace) (${quick}) / sum by (namespace) (${all})` },
    ]
  })
}

/** Two windows each: the long one says that it matters, the short one that it still goes on (Google SRE workbook, chapter 5). */
export function burnAlerts(layer: Layer): readonly Alert[] {
  const { objective, latency } = SLOS[layer]
  return [
    ...burning(layer, { objective, name: 'ZerogErrorBudget', nameOf: ratioName, what: 'fails', runbook: 'error-budget' }),
    ...burning(layer, {
      objective: latency.objective,
      name: 'ZerogLatencyBudget',
      nameOf: slowName,
      what: `takes longer than ${latency.seconds} s`,
      runbook: 'latency-budget',
    }),
  ]
}

type Budget = {
  readonly objective: number
  readonly name: string
  readonly nameOf: (window: string) => string
  readonly what: string
  readonly runbook: string
}

function burning(layer: Layer, { objective, name, nameOf, what, runbook }: Budget): readonly Alert[] {
  const budget = Number((1 - objective).toFixed(6))
  const over = (factor: number, short: string, long: string) => {
    const ratio = (window: string) => `${nameOf(window)}{layer="${layer}"} > ${Number((factor * budget).toFixed(6))}`
    return `${ratio(short)} and ${ratio(long)}`
  }
  const share = `${(budget * 100).toFixed(1)} %`
  return [
    {
      name: `${name}BurnsFast`,
      expr: over(14.4, '5m', '1h'),
      for: '2m',
      severity: 'page',
      summary: `Layer ${layer} ${what} 14.4 times more often than its budget of ${share} allows: a month's budget is gone in two days.`,
      runbook,
    },
    {
      name: `${name}BurnsSlowly`,
      expr: over(6, '30m', '6h'),
      for: '15m',
      severity: 'ticket',
      summary: `Layer ${layer} ${what} 6 times more often than its budget of ${share} allows: a month's budget is gone in five days.`,
      runbook,
    },
  ]
}
