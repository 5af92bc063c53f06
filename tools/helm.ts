import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { CHART_TOOLS, type ChartTool, findTool, TOOLS_CACHE } from '../tests/charts/tools.ts'

/**
 * `node tools/helm.ts`: obtains helm and kubeconform for the tests of the charts: found on the PATH or in .zerog/tools/helm, else compiled
 * there once where Go and its modules can be reached (minutes on two cores). Without them those tests are skipped by name. Exit code 1 when
 * one is missing.
 */
const MINUTES_MAX = 15

const hasGo = spawnSync('go', ['version']).status === 0
// `as`: the keys of the table.
for (const tool of Object.keys(CHART_TOOLS) as ChartTool[]) {
  if (findTool(tool) === undefined && hasGo) install(tool)
  const found = findTool(tool)
  const missing = 'missing; its tests of the charts are skipped. Install Go (then they compile it) or the program'
  process.stdout.write(`${tool}: ${found ?? missing}\n`)
  if (found === undefined) process.exitCode = 1
}

function install(tool: ChartTool): void {
  const version = CHART_TOOLS[tool]
  process.stderr.write(`zerog: ${tool} is missing and needed by tests of the charts; running: go install ${version}\n`)
  mkdirSync(TOOLS_CACHE, { recursive: true })
  const built = spawnSync('go', ['install', version], {
    env: { ...process.env, GOBIN: TOOLS_CACHE, GOFLAGS: '-trimpath', CGO_ENABLED: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    timeout: MINUTES_MAX * 60_000,
  })
  if (built.status !== 0) process.stderr.write(`zerog: that failed: ${(built.stderr ?? '').slice(-500)}\n`)
}
