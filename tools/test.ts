// `npm test`: one jest run over all projects. The last line is `N passed, N failed` (`, N skipped`).
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type SuiteReport, skippedLines } from './skipped.ts'

type JestReport = {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly numRuntimeErrorTestSuites: number
  readonly testResults: readonly (SuiteReport & { readonly startTime: number; readonly endTime: number })[]
}

const root = fileURLToPath(new URL('..', import.meta.url))
const long = process.argv.includes('--long')
const rest = process.argv.slice(2).filter((argument) => argument !== '--long')

function jest(report: string): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn('jest', ['--json', `--outputFile=${report}`, '--silent=false', ...rest], {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning',
        ...(long ? { ZEROG_TEST_LONG: '1' } : {}),
      },
    })
    child.on('exit', (code, signal) => resolve(code ?? (signal ? 1 : 0)))
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  })
}

function slowest(report: JestReport): string {
  return report.testResults
    .map((suite) => ({ seconds: (suite.endTime - suite.startTime) / 1000, name: suite.name.replace(root, '') }))
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, 8)
    .map((suite) => `  ${suite.seconds.toFixed(1).padStart(6)} s  ${suite.name}`)
    .join('\n')
}

const started = Date.now()
// Once, before several suites want the same server; a suite that misses its server says so itself.
const missing = ['tools/servers.ts', 'tools/helm.ts'].flatMap((tool) => {
  const { stdout } = spawnSync(process.execPath, [join(root, tool)], {
    cwd: root,
    stdio: ['inherit', 'pipe', 'inherit'],
    encoding: 'utf8',
  })
  process.stdout.write(stdout ?? '')
  return (stdout ?? '').split('\n').filter((line) => line.includes(': missing;'))
})

const cache = join(root, '.zerog', 'cache')
mkdirSync(cache, { recursive: true })
const output = join(cache, 'jest.json')
rmSync(output, { force: true })
const status = await jest(output)

let report: JestReport
try {
  report = JSON.parse(readFileSync(output, 'utf8')) as JestReport
} catch {
  process.stdout.write('jest ended before it could report\n0 passed, 1 failed\n')
  process.exit(1)
}
const skipped = report.numPendingTests + report.numTodoTests
// A suite that could not even be loaded has no failed test of its own: it counts as one.
const failed = report.numFailedTests + report.numRuntimeErrorTestSuites || (status === 0 ? 0 : 1)
const skippedGroups = skippedLines(report.testResults, root)
if (skippedGroups.length > 0)
  process.stdout.write(`\nskipped\n${[...missing, ...skippedGroups].map((line) => `  ${line}`).join('\n')}\n`)
process.stdout.write(`\nslowest suites\n${slowest(report)}\nall in ${((Date.now() - started) / 1000).toFixed(0)} s\n`)
process.stdout.write(`${report.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`)
process.exit(failed === 0 && report.numPassedTests > 0 ? 0 : 1)
