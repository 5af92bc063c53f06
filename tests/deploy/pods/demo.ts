import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { initAuthority, issueIdentity } from '@zerog/runtime/certs'
import { parse, stringify } from 'yaml'
import { container, containersProblem, IMAGE, imageExists, must, ROOT } from '../../../tools/containers.ts'
import { findHelm, type Manifest, openCharts, renderPreset } from '../../charts/helm.ts'
import { endpointsOf } from '../endpoints.ts'
import { type PlayedPod, podNames, podsOf } from './convert.ts'
import { createNetwork, type PodNetwork } from './network.ts'
import { serverImages } from './servers.ts'

/**
 * `pnpm pods:demo [--image name] [--keep]`: renders preset `dev` with helm, plays its pods with podman, waits until every readiness probe
 * answers and runs `zerog demo` in the network of the gateway's pod, as `kubectl port-forward` would. Exit code 0: passed, or skipped by
 * name because podman or helm do not work here.
 */
const NETWORK = 'zerog-pods'
const READY_SECONDS = 420
const SERVERS = ['postgres', 'nats', 'redis'] as const

const { values: flags } = parseArgs({
  options: { image: { type: 'string', default: IMAGE }, keep: { type: 'boolean', default: false } },
})

const started = performance.now()
const seconds = () => ((performance.now() - started) / 1000).toFixed(1)
const say = (text: string) => process.stdout.write(`${seconds().padStart(6)} s  ${text}\n`)

const helm = findHelm()
const problem = helm === undefined ? 'helm is missing; node tools/helm.ts compiles it' : containersProblem()
if (problem !== undefined || helm === undefined) {
  process.stdout.write(`skipped: pods:demo (${problem})\n`)
  process.exit(0)
}
if (!imageExists(flags.image)) {
  process.stderr.write(`zerog: there is no image ${flags.image}; make it with: pnpm image\n`)
  process.exit(1)
}

const folder = mkdtempSync(join(tmpdir(), 'zerog-pods-'))
let network: PodNetwork | undefined
let played: readonly PlayedPod[] = []
try {
  const manifests = [...render(helm), ...(await certificates())]
  const images = publishedServers()
  container('podman', ['network', 'rm', '--force', NETWORK])
  network = createNetwork(NETWORK)
  const { address } = network
  const dealt = Object.fromEntries(podNames(manifests).map((name, index) => [name, address(index)]))
  played = podsOf(manifests, { images: { ...serverImages(images), [IMAGE]: flags.image }, addresses: dealt })
  clean()
  say(`rendered ${manifests.length} objects, ${played.length} pods`)
  const isServer = ({ target }: PlayedPod) => SERVERS.some((name) => name === target)
  for (const pods of [played.filter(isServer), played.filter((pod) => !isServer(pod))]) {
    for (const pod of pods) play(pod, dealt[pod.name] ?? '')
    await Promise.all(pods.map((pod) => untilReady(pod, dealt[pod.name] ?? '')))
  }
  say(`all ${played.length} pods are ready`)
  demo()
  say('passed: the demo verified every step against the pods')
} catch (error) {
  say(`FAILED: ${error instanceof Error ? error.message : String(error)}`)
  for (const pod of played) process.stderr.write(`--- ${pod.name}\n${logs(pod).split('\n').slice(-4).join('\n')}\n`)
  process.exitCode = 1
} finally {
  if (!flags.keep) {
    clean()
    network?.remove()
    rmSync(folder, { recursive: true })
  }
}

/** Pods and volumes by the names of this rendering: what an earlier run left goes as well. */
function clean(): void {
  container('podman', ['pod', 'rm', '--force', '--ignore', '--time', '5', ...played.map(({ name }) => name)])
  container('podman', ['volume', 'rm', '--force', ...volumeNames()])
}

function render(program: string): readonly Manifest[] {
  const charts = openCharts(program)
  try {
    const [repository, tag] = IMAGE.split(':')
    const set = [
      `global.image.repository=${repository}`,
      `global.image.tag=${tag}`,
      'global.tls.mode=existing',
      'test.enabled=false',
    ]
    return renderPreset(charts, 'dev', ...set.flatMap((value) => ['--set', value]))
  } finally {
    charts.close()
  }
}

function publishedServers() {
  const { trial } = parse(readFileSync(join(ROOT, 'helm/zerog/values.yaml'), 'utf8'))
  return { postgres: trial.postgres.image, nats: trial.nats.image, redis: trial.redis.image }
}

/** What `zerog certs` makes: the secrets that `global.tls.mode=existing` expects. */
async function certificates(): Promise<readonly Manifest[]> {
  const dir = join(folder, 'tls')
  const { caPath } = await initAuthority(dir, 'zerog')
  const targets = Object.keys(parse(readFileSync(join(ROOT, 'helm/zerog/values.yaml'), 'utf8')).global.topology)
  return Promise.all(
    targets.map(async (target): Promise<Manifest> => {
      const { certPath, keyPath } = await issueIdentity({
        dir,
        network: 'zerog',
        target,
        dnsNames: ['localhost'],
        ips: ['127.0.0.1'],
      })
      const text = (path: string) => readFileSync(path, 'utf8')
      return {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: `zg-${target}-tls`, labels: {} },
        stringData: { 'ca.crt': text(caPath), 'tls.crt': text(certPath), 'tls.key': text(keyPath) },
      }
    }),
  )
}

function play(pod: PlayedPod, ip: string): void {
  const file = join(folder, `${pod.name}.yaml`)
  writeFileSync(file, pod.documents.map((document) => stringify(document)).join('---\n'), { mode: 0o600 })
  must('podman', ['kube', 'play', '--quiet', '--network', NETWORK, '--ip', ip, file])
}

/** Podman runs no probes without systemd, so they are run from here. */
async function untilReady(pod: PlayedPod, ip: string): Promise<void> {
  const endsMs = performance.now() + READY_SECONDS * 1000
  const { port, path } = pod.ready
  for (;;) {
    const why = await (path === undefined ? connects(ip, port) : answers(`http://${ip}:${port}${path}`))
    if (why === undefined) {
      say(`${pod.name} is ready`)
      return
    }
    if (performance.now() > endsMs) throw new Error(`${pod.name} is not ready after ${READY_SECONDS} s: ${why}`)
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

async function answers(url: string): Promise<string | undefined> {
  return fetch(url, { signal: AbortSignal.timeout(3_000) }).then(
    async (response) => (response.ok ? undefined : (await response.text()).slice(0, 500)),
    (error: Error) => String(error.cause ?? error.message),
  )
}

async function connects(ip: string, port: number): Promise<string | undefined> {
  const { createConnection } = await import('node:net')
  return new Promise((resolve) => {
    const socket = createConnection({ host: ip, port, timeout: 2_000 })
    const end = (why: string | undefined) => {
      socket.destroy()
      resolve(why)
    }
    socket.once('connect', () => end(undefined)).once('error', (error) => end(error.message))
    socket.once('timeout', () => end('no answer'))
  })
}

function demo(): void {
  const data = join(folder, 'demo')
  const endpoints = endpointsOf({
    gateway: 'http://127.0.0.1:8545',
    disperser: 'zg-da-disperser:51001',
    broker: 'http://zg-compute-broker:8546',
  })
  const gateway = played.find(({ target }) => target === 'gateway')
  if (gateway === undefined) throw new Error('the chart has no gateway')
  must('mkdir', ['-p', data])
  writeFileSync(join(data, 'endpoints.json'), JSON.stringify(endpoints))
  must('chmod', ['-R', 'a+rwX', data])
  must('chmod', ['a+rx', folder])
  const restricted = [
    '--read-only',
    '--user',
    '65532:65532',
    '--cap-drop',
    'ALL',
    '--security-opt',
    'no-new-privileges',
    '--tmpfs',
    '/tmp',
  ]
  must(
    'podman',
    [
      ...['run', '--rm', '--pod', gateway.name, ...restricted, '--volume', `${data}:/demo`],
      ...[flags.image, '--data-dir', '/demo', '--timeout', '120s', 'demo'],
    ],
    { show: true },
  )
}

function logs(pod: PlayedPod): string {
  const { stdout, stderr } = container('podman', ['logs', '--tail', '20', `${pod.name}-${pod.target}`])
  return `${stdout}${stderr}`
}

/** Podman gives volumes no owner, so ours are those that the pods name. */
function volumeNames(): readonly string[] {
  const names = played.flatMap((pod) =>
    pod.documents.flatMap((document: any) =>
      (document.spec?.volumes ?? []).map((v: any) => v.persistentVolumeClaim?.claimName ?? v.configMap?.name ?? v.name),
    ),
  )
  return [...new Set(names)]
}
