import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { withProgram } from '../../packages/adapters/test/with-server.ts'
import { readMetricsPage } from '../e2e/support/metrics-page.ts'
import { FIRING, QUIET, type Series } from './alert-worlds.ts'
import { LAYERS } from './helm.ts'
import { namesIn } from './promql.ts'

const ROOT = join(import.meta.dirname, '../..')
const HELM = join(ROOT, 'helm')

type Rule = {
  readonly alert?: string
  readonly record?: string
  readonly expr: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations?: { readonly summary: string; readonly runbook_url: string }
}
const rulesOf = (layer: string): readonly Rule[] =>
  parse(readFileSync(join(HELM, layer, 'files/rules.yaml'), 'utf8')).groups.flatMap(({ rules }: { rules: Rule[] }) => rules)
const rules = LAYERS.flatMap(rulesOf)
const alerts = rules.filter(({ alert }) => alert !== undefined)

/** Expressions of a dashboard, with the panel that shows them. */
function expressionsOf(chart: string): readonly { readonly where: string; readonly expr: string }[] {
  const { panels } = JSON.parse(readFileSync(join(HELM, chart, 'files/dashboard.json'), 'utf8'))
  return panels.flatMap(({ title, targets = [] }: any) => targets.map(({ expr }: any) => ({ where: `${chart}: ${title}`, expr })))
}
const dashboards = [...LAYERS, 'zerog'].flatMap(expressionsOf)
const everything = [...dashboards, ...rules.map(({ alert, record, expr }) => ({ where: alert ?? record ?? '', expr }))]

/** Of every series, by the scrape and the ServiceMonitor. */
const SCRAPED = ['namespace', 'job', 'instance', 'pod', 'container', 'service', 'endpoint']
const INSTALLATION = ['app_kubernetes_io_component', 'app_kubernetes_io_instance', 'app_kubernetes_io_part_of']
/** Series and their labels: what the code shows, what rules record, and Prometheus' own `up`. */
const known = new Map<string, ReadonlySet<string>>([['up', new Set([...SCRAPED, ...INSTALLATION])]])
for (const { name, kind, labels } of readMetricsPage(readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8'))) {
  const all = [...SCRAPED, ...INSTALLATION, ...labels]
  if (kind !== 'histogram') known.set(name, new Set(all))
  else
    for (const suffix of ['sum', 'count', 'bucket'])
      known.set(`${name}_${suffix}`, new Set([...all, ...(suffix === 'bucket' ? ['le'] : [])]))
}
for (const { record } of rules) if (record !== undefined) known.set(record, new Set(['namespace', 'layer']))

function problemsIn({ where, expr }: { readonly where: string; readonly expr: string }): readonly string[] {
  const { selectors, grouped } = namesIn(expr)
  const problems = selectors.flatMap(({ metric, labels }) => {
    const has = known.get(metric)
    if (has === undefined) return [`${where}: nothing exports ${metric}`]
    return labels.filter((label) => !has.has(label)).map((label) => `${where}: ${metric} has no label ${label}`)
  })
  const shared = new Set(selectors.flatMap(({ metric }) => [...(known.get(metric) ?? [])]))
  return [
    ...problems,
    ...grouped.filter((label) => !shared.has(label)).map((label) => `${where}: nothing has the label ${label}`),
  ]
}

test('dashboards and alerts are what their generator makes', () => {
  execFileSync(process.execPath, [join(ROOT, 'tools/monitoring.ts'), '--check'], { stdio: 'pipe' })
})

test('every query of every dashboard and alert names metrics and labels that the code exports', () => {
  expect(known.size).toBeGreaterThan(150)
  expect(everything.length).toBeGreaterThan(250)
  expect(everything.flatMap(problemsIn)).toEqual([])
})

test('the queue metrics by which docs and charts let autoscalers scale exist', () => {
  const text = ['docs/kubernetes.md', 'tests/charts/golden/production.yaml']
    .map((file) => readFileSync(join(ROOT, file), 'utf8'))
    .join()
  const named = [...text.matchAll(/\bzerog_[a-z0-9_]+/g)].map(([metric]) => metric)
  expect(named.length).toBeGreaterThan(0)
  expect(named.filter((metric) => !known.has(metric))).toEqual([])
})

test.each([
  ['a metric that nothing exports', 'sum(rate(zerog_chain_blocks_total[5m]))', 'nothing exports zerog_chain_blocks_total'],
  ['a histogram without its suffix', 'max(zerog_da_certificate_seconds)', 'nothing exports zerog_da_certificate_seconds'],
  ['a label that it does not have', 'zerog_chain_head_height{face="x"}', 'zerog_chain_head_height has no label face'],
  ['a grouping by a label of nothing', 'sum by (face) (zerog_chain_head_height)', 'nothing has the label face'],
])('%s would be found', (_what, expr, problem) => {
  expect(problemsIn({ where: 'planted', expr })).toEqual([`planted: ${problem}`])
})

describe('each alert', () => {
  const pages = readdirSync(join(ROOT, 'docs/runbooks')).filter((name) => name !== 'README.md')

  test('has a runbook that names it, and each runbook has an alert', () => {
    const missing = alerts.filter(({ alert, annotations }) => {
      const page = join(ROOT, annotations?.runbook_url ?? '')
      return !existsSync(page) || !readFileSync(page, 'utf8').includes(alert ?? '')
    })
    expect(missing.map(({ alert }) => alert)).toEqual([])
    const named = new Set(alerts.map(({ annotations }) => annotations?.runbook_url.replace('docs/runbooks/', '')))
    expect(pages.filter((page) => !named.has(page))).toEqual([])
  })

  test('has runbooks whose commands and metrics exist', async () => {
    const { createProgram } = await import('../../packages/cli/src/program.ts')
    const host = { env: {}, streams: { out: { write() {} }, err: { write() {} } } }
    const { command } = createProgram({ host: host as any, signal: new AbortController().signal, outputFor: () => ({}) as any })
    const problems: string[] = []
    for (const page of pages) {
      const text = readFileSync(join(ROOT, 'docs/runbooks', page), 'utf8')
      const commands = [...text.matchAll(/^zerog ((?:[a-z-]+ ?)+)/gm)]
      for (const [, words] of commands) {
        let at = command
        for (const word of (words ?? '').trim().split(' ')) {
          const next = at.commands.find((child) => child.name() === word)
          if (next === undefined) {
            if (at.commands.length > 0) problems.push(`${page}: zerog ${words} does not exist`)
            break
          }
          at = next
        }
      }
      for (const [metric] of text.matchAll(/\bzerog_[a-z0-9_]+/g)) {
        // A page may name a group by its beginning.
        const isKnown = known.has(metric) || known.has(`${metric}_count`)
        const begins = metric.endsWith('_') && [...known.keys()].some((name) => name.startsWith(metric))
        if (!isKnown && !begins) problems.push(`${page}: nothing exports ${metric}`)
      }
      if (!/```sh\n/.test(text)) problems.push(`${page}: no command`)
    }
    expect(problems).toEqual([])
  })

  test('has runbooks whose objects the charts make', () => {
    const golden = ['small', 'production'].map((name) => readFileSync(join(import.meta.dirname, `golden/${name}.yaml`), 'utf8'))
    const objects = new Set([...golden.join().matchAll(/^ {2}name: (\S+)$/gm)].map(([, name]) => name))
    const unknown = pages.flatMap((page) =>
      [...readFileSync(join(ROOT, 'docs/runbooks', page), 'utf8').matchAll(/\bzg-[a-z0-9-]+/g)]
        .map(([name]) => name)
        .filter((name) => ![name, name.replace(/-\d+$/, ''), name.replace(/-tls$/, '')].some((one) => objects.has(one)))
        .map((name) => `${page}: the charts make no ${name}`),
    )
    expect(unknown).toEqual([])
  })

  test('has a world in which it must fire', () => {
    const named = (one: { alert?: string; layer?: string; labels?: Readonly<Record<string, string>> }) =>
      `${one.layer ?? one.labels?.layer}/${one.alert}`
    const worlds = new Set(FIRING.map(named))
    expect(alerts.map(named).filter((name) => !worlds.has(name))).toEqual([])
  })
})

withProgram('promtool', (promtool) => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'zerog-promtool-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const run = (...args: readonly string[]): string =>
    execFileSync(promtool, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const ruleFiles = LAYERS.map((layer) => join(HELM, layer, 'files/rules.yaml'))

  test('accepts the rules', () => {
    expect(run('check', 'rules', '--lint=all', '--lint-fatal', ...ruleFiles)).toContain('SUCCESS')
  })

  test('reads every query of the dashboards', () => {
    const file = join(folder, 'dashboards.json')
    const records = dashboards.map(({ expr }, index) => ({
      record: `panel:${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$namespace', '.*'),
    }))
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboards', rules: records }] }))
    expect(run('check', 'rules', '--lint=none', file)).toContain(`${records.length} rules found`)
  })

  /** Whether each of these alerts fires at these minutes of a world, whatever its other labels are. */
  const expecting = (minutes: readonly number[], fires: boolean, of: { series: readonly Series[]; rules: readonly Rule[] }) => ({
    interval: '1m',
    input_series: of.series,
    promql_expr_test: of.rules.flatMap(({ alert, labels }) =>
      minutes.map((minute) => ({
        expr: `count(ALERTS{alertname="${alert}",layer="${labels.layer}",alertstate="firing"}) > bool 0 or vector(0)`,
        eval_time: `${minute}m`,
        exp_samples: [{ labels: '{}', value: fires ? 1 : 0 }],
      })),
    ),
  })

  test.each(LAYERS)('every alert of layer %s fires in its world, and is silent in a healthy installation', (layer) => {
    const own = alerts.filter(({ labels }) => labels.layer === layer)
    const firing = FIRING.filter((world) => world.layer === layer).map(({ alert, minutes, series }) =>
      expecting([minutes], true, { series, rules: own.filter((rule) => rule.alert === alert) }),
    )
    runTests(layer, [...firing, expecting([30, 100, 390], false, { series: QUIET, rules: own })])
  })

  test('a world that should fire and does not is found', () => {
    const rule = alerts[0] as Rule // there are alerts
    expect(() => runTests('chain', [expecting([10], true, { series: QUIET, rules: [rule] })])).toThrow('got: {} 0E+00')
  })

  function runTests(layer: string, tests: readonly object[]): void {
    const file = join(folder, `${layer}.json`)
    const ruleFile = join(HELM, layer, 'files/rules.yaml')
    writeFileSync(file, JSON.stringify({ rule_files: [ruleFile], evaluation_interval: '1m', tests }))
    try {
      run('test', 'rules', file)
    } catch (error) {
      throw new Error(
        String((error as { stdout?: string; stderr?: string }).stdout ?? '') +
          String((error as { stderr?: string }).stderr ?? ''),
      )
    }
  }
})
