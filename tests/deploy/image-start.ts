import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { initAuthority, issueIdentity } from '@zerog/runtime/certs'
import { container, containersProblem, IMAGE, imageExists, must } from '../../tools/containers.ts'

/**
 * `pnpm image:start [--image name] [--runs n]`: how long the image takes from `podman run`: to the end of an empty program, which is podman's own part,
 * to the end of `config verify`, which loads every target, and until a validator of a new chain is ready. Median of the runs, after one that
 * does not count.
 */
const READY_MS = 20_000
const USER = 65_532

const { values } = parseArgs({
  options: { image: { type: 'string', default: IMAGE }, runs: { type: 'string', default: '5' } },
})
const runs = Number(values.runs)
const problem =
  containersProblem(['podman', 'runc']) ??
  (imageExists(values.image) ? undefined : `there is no image ${values.image}; make it with: pnpm image`)
if (problem !== undefined || !(runs >= 1)) {
  process.stderr.write(`zerog: ${problem ?? '--runs is a number from 1'}\n`)
  process.exit(1)
}

const RESTRICTED = ['--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges']
const folder = mkdtempSync(join(tmpdir(), 'zerog-image-start-'))
try {
  await certificates()
  const isolated = ['run', '--rm', '--network', 'none', ...RESTRICTED]
  await report('an empty program', () => ended([...isolated, '--entrypoint', '/usr/local/bin/node', values.image, '-e', '0']))
  await report('config verify, all targets loaded', () => ended([...isolated, values.image, 'config', 'verify']))
  await report('chain-validator of a new chain, until it is ready', validatorReady)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function report(what: string, run: () => Promise<number>): Promise<void> {
  await run()
  const times: number[] = []
  for (let index = 0; index < runs; index++) times.push(await run())
  times.sort((a, b) => a - b)
  const [least = 0, median = 0, most = 0] = [times[0], times[times.length >> 1], times.at(-1)]
  process.stdout.write(`${what}: ${seconds(median)} s (${seconds(least)} to ${seconds(most)}, ${runs} runs)\n`)
}

async function ended(args: readonly string[]): Promise<number> {
  const startedMs = performance.now()
  must('podman', args)
  return performance.now() - startedMs
}

async function validatorReady(): Promise<number> {
  const name = `zerog-image-start-${process.pid}`
  const [grpc, admin] = [await freePort(), await freePort()]
  const env = {
    ZEROG_COMMON_NETWORK: 'devnet',
    ZEROG_COMMON_CHAIN_ID: '31337',
    ZEROG_CHAIN_VALIDATOR_GRPC_PORT: grpc,
    ZEROG_CHAIN_VALIDATOR_ADMIN_PORT: admin,
  }
  const startedMs = performance.now()
  try {
    must('podman', [
      ...['run', '--detach', '--name', name, '--network', 'host', ...RESTRICTED],
      // Without a name: a new volume each time, with the rights of the image's folder.
      ...['--volume', '/data', '--volume', `${join(folder, 'tls')}:/tls:ro`],
      ...Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
      ...[values.image, 'run', '--target=chain-validator'],
    ])
    const url = `http://127.0.0.1:${admin}/readyz`
    while (
      !(await fetch(url).then(
        (response) => response.ok,
        () => false,
      ))
    ) {
      if (performance.now() - startedMs > READY_MS) throw new Error(`not ready: ${said(name)}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return performance.now() - startedMs
  } finally {
    container('podman', ['rm', '--force', '--ignore', '--volumes', '--time', '5', name])
  }
}

function said(name: string): string {
  const { stdout, stderr } = container('podman', ['logs', '--tail', '3', name])
  return `${stdout}${stderr}`.trim()
}

/** What the image's user may read. */
async function certificates(): Promise<void> {
  const dir = join(folder, 'tls')
  await initAuthority(dir, 'devnet')
  await issueIdentity({ dir, network: 'devnet', target: 'chain-validator', dnsNames: ['localhost'], ips: ['127.0.0.1'] })
  must('chown', ['-R', `${USER}:${USER}`, folder])
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port'))))
    })
  })
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2)
}
