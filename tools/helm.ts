import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { findHelm, HELM_CACHE } from '../tests/charts/helm.ts'

/**
 * `node tools/helm.ts`: obtains helm for the tests of the charts: found on the PATH or in .zerog/tools/helm, else compiled there once where
 * Go and its modules can be reached (minutes on two cores). Without it those tests are skipped by name. Exit code 1 when it is missing.
 */
const VERSION = 'helm.sh/helm/v3/cmd/helm@v3.19.2'
const MINUTES_MAX = 15

if (findHelm() === undefined) {
  const go = spawnSync('go', ['version'], { encoding: 'utf8' })
  if (go.status === 0) {
    process.stderr.write(`zerog: helm is missing and needed by tests of the charts; running: go install ${VERSION}\n`)
    mkdirSync(HELM_CACHE, { recursive: true })
    const env = { ...process.env, GOBIN: HELM_CACHE, GOFLAGS: '-trimpath', CGO_ENABLED: '0' }
    const built = spawnSync('go', ['install', VERSION], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
      timeout: MINUTES_MAX * 60_000,
    })
    if (built.status !== 0) process.stderr.write(`zerog: that failed: ${(built.stderr ?? '').slice(-500)}\n`)
  }
}
const found = findHelm()
process.stdout.write(`helm: ${found ?? 'missing; tests of the charts are skipped. Install Go (then they compile it) or helm'}\n`)
process.exitCode = found === undefined ? 1 : 0
