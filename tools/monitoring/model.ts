/** What alerts and dashboards are written in before they become YAML and JSON. */

export const LAYERS = ['chain', 'storage', 'da', 'compute', 'gateway'] as const
export type Layer = (typeof LAYERS)[number]

export type Alert = {
  readonly name: string
  readonly expr: string
  /** Prometheus duration that it must hold. */
  readonly for: string
  /** page: somebody gets up; ticket: within days. */
  readonly severity: 'page' | 'ticket'
  readonly summary: string
  /** Page of docs/runbooks without its ending. */
  readonly runbook: string
}

export type Recording = { readonly record: string; readonly expr: string; readonly layer: Layer }

export type Query = { readonly expr: string; readonly legend: string }

export type Panel = {
  readonly title: string
  /** Of Grafana: s, bytes, reqps, percentunit, short, … */
  readonly unit: string
  readonly queries: readonly Query[]
  /** One number instead of curves. */
  readonly stat?: true
}

export type Row = { readonly title: string; readonly panels: readonly Panel[] }

export type Dashboard = { readonly uid: string; readonly title: string; readonly rows: readonly Row[] }

/** Matcher for the targets of a layer: metrics of ours carry the target. */
export function targetsOf(layer: Layer): string {
  return layer === 'gateway' ? 'target="gateway"' : `target=~"${layer}-.*"`
}

/** Matcher for what has no target of its own (up, metrics of the process); the ServiceMonitor brings the label in. */
export function componentOf(layer: Layer): string {
  return `app_kubernetes_io_component="${layer}"`
}
