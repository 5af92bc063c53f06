import type { Alert, Dashboard, Layer, Panel, Recording } from './model.ts'

/** A file of rules as Prometheus reads it, which the chart puts into a PrometheusRule. */
export function rulesFile(layer: Layer, records: readonly Recording[], alerts: readonly Alert[]): string {
  const lines = ['# Written by tools/monitoring.ts.', 'groups:', `  - name: zerog-${layer}-slo`, '    rules:']
  for (const { record, expr } of records) {
    lines.push(`      - record: ${record}`, `        expr: ${quoted(expr)}`, '        labels:', `          layer: ${layer}`)
  }
  lines.push(`  - name: zerog-${layer}`, '    rules:')
  for (const alert of alerts) {
    lines.push(
      `      - alert: ${alert.name}`,
      `        expr: ${quoted(alert.expr)}`,
      `        for: ${alert.for}`,
      '        labels:',
      `          layer: ${layer}`,
      `          severity: ${alert.severity}`,
      '        annotations:',
      `          summary: ${quoted(alert.summary)}`,
      `          runbook_url: docs/runbooks/${alert.runbook}.md`,
    )
  }
  return `${lines.join('\n')}\n`
}

/** A dashboard as Grafana 10 and newer import it. */
export function dashboardFile({ uid, title, rows }: Dashboard): string {
  const panels: object[] = []
  let y = 0
  for (const row of rows) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title: row.title,
      collapsed: false,
      panels: [],
      gridPos: { h: 1, w: 24, x: 0, y },
    })
    y++
    const wide = row.panels.every(({ stat }) => stat) ? 4 : 8
    const perLine = 24 / wide
    for (const [index, panel] of row.panels.entries()) {
      const gridPos = { h: 8, w: wide, x: (index % perLine) * wide, y: y + Math.floor(index / perLine) * 8 }
      panels.push({ id: panels.length + 1, ...panelOf(panel), gridPos })
    }
    y += Math.ceil(row.panels.length / perLine) * 8
  }
  const dashboard = {
    uid,
    title,
    tags: ['zerog'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    templating: { list: [DATASOURCE, NAMESPACE] },
    links: [{ type: 'dashboards', tags: ['zerog'], asDropdown: false, title: 'zerog', includeVars: true, keepTime: true }],
    panels,
  }
  return `${JSON.stringify(dashboard, null, 1)}\n`
}

const DATASOURCE = { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Prometheus' }
const NAMESPACE = {
  name: 'namespace',
  type: 'query',
  datasource: { type: 'prometheus', uid: '$datasource' },
  query: 'label_values(zerog_runtime_ready, namespace)',
  includeAll: true,
  allValue: '.*',
  current: { text: 'All', value: '$__all' },
  refresh: 2,
}

function panelOf({ title, unit, queries, stat }: Panel): object {
  return {
    type: stat === true ? 'stat' : 'timeseries',
    title,
    datasource: { type: 'prometheus', uid: '$datasource' },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    options: stat === true ? {} : { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode(65 + index),
      expr,
      legendFormat: legend,
    })),
  }
}

/** YAML's double quotes are those of JSON. */
function quoted(text: string): string {
  return JSON.stringify(text)
}
