/** One row of docs/metrics.md. */
export type Instrument = {
  readonly name: string
  readonly kind: string
  readonly help: string
  readonly labels: readonly string[]
}

const INTRO = `# Metrics

Everything that a target shows at \`/metrics\` of its admin port; \`/metrics/instruments\` gives the same list as JSON. Written by
\`ZEROG_UPDATE=1 pnpm jest tests/e2e/observability\` from a running devnet, and compared with one by the same test. Dashboards and alerts
(helm/*/files) may name nothing else: tests/charts/monitoring.test.ts. Labels \`target\` and \`replica\` say whose value it is; a histogram
has the series \`_bucket\` (label \`le\`), \`_sum\` and \`_count\`. Some appear only once there is something to count.

| metric | kind | labels | meaning |
|---|---|---|---|
`

/** The page for a list of instruments, sorted by name. */
export function metricsPage(instruments: readonly Instrument[]): string {
  const rows = instruments.map(
    ({ name, kind, labels, help }) => `| ${name} | ${kind} | ${labels.join(', ') || '-'} | ${help.replaceAll('|', '/').trim()} |`,
  )
  return `${INTRO}${rows.join('\n')}\n`
}

/** What the page says, in its order. */
export function readMetricsPage(text: string): readonly Instrument[] {
  return text.split('\n').flatMap((line) => {
    const cells = line.split('|').map((cell) => cell.trim())
    const [, name, kind, labels, help] = cells
    if (cells.length !== 6 || name === undefined || !/^[a-z][a-z0-9_]+$/.test(name) || name === 'metric') return []
    return [{ name, kind: kind ?? '', labels: labels === '-' ? [] : (labels ?? '').split(', '), help: help ?? '' }]
  })
}
