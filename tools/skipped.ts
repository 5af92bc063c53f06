/** What of jest's report (`--json`) tells which tests did not run. */
export type SuiteReport = {
  readonly name: string
  readonly assertionResults: readonly {
    readonly status: string
    readonly ancestorTitles: readonly string[]
    readonly title: string
  }[]
}

/**
 * A line for each group of tests that did not run: how many, where, and the group's name, or the test's own where it has none. Nobody
 * finds them among hundreds of suites otherwise.
 *
 * @example ['  47  tests/charts/charts.test.ts: charts, rendered by helm']
 */
export function skippedLines(suites: readonly SuiteReport[], root: string): readonly string[] {
  const counts = new Map<string, number>()
  for (const { name, assertionResults } of suites)
    for (const { status, ancestorTitles, title } of assertionResults) {
      if (status !== 'pending' && status !== 'todo') continue
      const group = `${name.replace(root, '')}: ${ancestorTitles[0] ?? title}`
      counts.set(group, (counts.get(group) ?? 0) + 1)
    }
  return [...counts].map(([group, count]) => `${String(count).padStart(4)}  ${group}`).sort((a, b) => b.localeCompare(a))
}
