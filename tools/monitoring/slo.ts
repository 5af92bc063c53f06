import { type Alert, type Layer, type Recording, targetsOf } from './model.ts'

type Slo = {
  /** Share of requests that must not fail by our fault, over 30 days. */
  readonly objective: number
  /** Failed and all requests per second over a window; vectors that are summed by namespace. */
  readonly errors: (window: string) => string
  readonly total: (window: string) => string
}

/** Statuses that no other request of the client would have avoided. */
const OUR_FAULT = 'INTERNAL|UNAVAILABLE|DEADLINE_EXCEEDED|DATA_LOSS'

function rpcSlo(layer: Layer, objective: number): Slo {
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
  },
  storage: rpcSlo('storage', 0.999),
  da: rpcSlo('da', 0.999),
  compute: {
    objective: 0.995,
    errors: (window) => `rate(zerog_compute_router_requests_total{status="5xx"}[${window}])`,
    total: (window) => `rate(zerog_compute_router_requests_total[${window}])`,
  },
  gateway: {
    objective: 0.999,
    // A failed JSON-RPC request is answered with 200 and an error in its body.
    errors: (window) =>
      `rate(zerog_gateway_requests_total{status="5xx"}[${window}]) or rate(zerog_gateway_json_rpc_duration_seconds_count{outcome="failed"}[${window}])`,
    total: (window) => `rate(zerog_gateway_requests_total{status!="aborted"}[${window}])`,
  },
}

const WINDOWS = ['5m', '30m', '1h', '6h'] as const

export const ratioName = (window: string): string => `zerog:request_errors:ratio_rate${window}`

/** Share of failed requests per layer and window. */
export function recordings(layer: Layer): readonly Recording[] {
  const { errors, total } = SLOS[layer]
  return WINDOWS.map((window) => ({
    record: ratioName(window),
    layer,
    expr: `sum by (namespace) (${errors(window)}) / sum by (namespace) (${total(window)})`,
  }))
}

/** Two windows each: the long one says that it matters, the short one that it still goes on (Google SRE workbook, chapter 5). */
export function burnAlerts(layer: Layer): readonly Alert[] {
  const budget = Number((1 - SLOS[layer].objective).toFixed(6))
  const burning = (factor: number, short: string, long: string) => {
    const ratio = (window: string) => `${ratioName(window)}{layer="${layer}"} > ${Number((factor * budget).toFixed(6))}`
    return `${ratio(short)} and ${ratio(long)}`
  }
  const share = `${(budget * 100).toFixed(1)} %`
  return [
    {
      name: 'ZerogErrorBudgetBurnsFast',
      expr: burning(14.4, '5m', '1h'),
      for: '2m',
      severity: 'page',
      summary: `Layer ${layer} fails 14.4 times more often than its budget of ${share} allows: a month's budget is gone in two days.`,
      runbook: 'error-budget',
    },
    {
      name: 'ZerogErrorBudgetBurnsSlowly',
      expr: burning(6, '30m', '6h'),
      for: '15m',
      severity: 'ticket',
      summary: `Layer ${layer} fails 6 times more often than its budget of ${share} allows: a month's budget is gone in five days.`,
      runbook: 'error-budget',
    },
  ]
}
