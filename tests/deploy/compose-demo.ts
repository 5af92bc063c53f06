// `pnpm compose:demo`: waits until every target of deploy/compose.yaml, which somebody has started, is ready, and runs `zerog demo` against them.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { endpointsOf } from './endpoints.ts'

const ROOT = join(import.meta.dirname, '../..')
const READY_SECONDS = 300

type Service = { readonly environment?: Readonly<Record<string, string>> }
const { services } = parse(readFileSync(join(ROOT, 'deploy/compose.yaml'), 'utf8'), { merge: true })
/** Admin ports by service. */
const ports = Object.entries(services as Record<string, Service>).flatMap(([name, { environment = {} }]) =>
  Object.entries(environment)
    .filter(([variable]) => variable.endsWith('_ADMIN_PORT'))
    .map(([, port]) => ({ name, port })),
)

const startedMs = performance.now()
const seconds = () => (performance.now() - startedMs) / 1000
for (;;) {
  const waiting = (await Promise.all(ports.map(async ({ name, port }) => ((await isReady(port)) ? [] : [name])))).flat()
  if (waiting.length === 0) break
  if (seconds() > READY_SECONDS) {
    process.stderr.write(`not ready after ${READY_SECONDS} s: ${waiting.join(', ')}\n`)
    process.exit(1)
  }
  await new Promise((resolve) => setTimeout(resolve, 500))
}
process.stdout.write(`all ${ports.length} targets are ready after ${seconds().toFixed(1)} s of waiting\n`)

const folder = mkdtempSync(join(tmpdir(), 'zerog-compose-'))
try {
  const at = { gateway: 'http://127.0.0.1:8545', disperser: '127.0.0.1:51001', broker: 'http://127.0.0.1:8546' }
  writeFileSync(join(folder, 'endpoints.json'), JSON.stringify(endpointsOf(at)))
  const main = join(ROOT, 'packages/cli/src/main.ts')
  const demo = spawnSync(process.execPath, [main, '--data-dir', folder, '--timeout', '120s', 'demo'], { stdio: 'inherit' })
  process.exitCode = demo.status ?? 1
} finally {
  rmSync(folder, { recursive: true })
}

async function isReady(port: string): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(3_000) }).then(
    (response) => response.ok,
    () => false,
  )
}
