// Dispersal over a devnet with ten members: latency to the certificate, sustained rate through gRPC with the profile that names what bounds it,
// and what 10,000 small blobs cost. Run: node bench/da-dispersal.ts [--mode latency|rate|small] [--blobs 20] [--mib 4] [--nodes 10]
//   [--processes] (one process per target, joined by gRPC with mutual TLS; else all in one) [--no-profile]
//   [--timeline] (mode latency: what follows what until the certificate is final, out of the devnet's traces; blobs do not overlap then)
// CPU is that of all processes of the devnet while it is measured, the profile is that of the same time, over all threads.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Client, credentials } from '@grpc/grpc-js'
import {
  BlobState,
  type DisperseRequest,
  type DisperseResponse,
  DisperserServiceDefinition,
  type WatchBlobResponse,
} from '@zerog/proto/da'
import { encodeChunk } from '../services/da/src/adapters/grpc/chunk-codec.ts'
import { collectSpans, nowMs, type Round, timeline } from './da-timeline.ts'

const MAIN = join(import.meta.dirname, '../packages/cli/src/main.ts')
const { values } = parseArgs({
  options: {
    mode: { type: 'string', default: 'latency' },
    blobs: { type: 'string', default: '20' },
    mib: { type: 'string', default: '4' },
    nodes: { type: 'string', default: '10' },
    processes: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: true },
    timeline: { type: 'boolean', default: false },
  },
  allowNegative: true,
})
const count = Number(values.blobs)
const blobBytes = Math.round(Number(values.mib) * 1024 * 1024)
const CHUNK_BYTES = 1024 * 1024
const STAGES = [
  'zerog_da_encode_seconds',
  'zerog_da_put_rows_seconds',
  'zerog_da_store_rows_seconds',
  'zerog_da_row_check_seconds',
  'zerog_da_certificate_seconds',
  'zerog_da_final_seconds',
]

const folder = mkdtempSync(join(tmpdir(), 'zerog-bench-'))
const dataDir = join(folder, 'devnet')
const profiling = values.profile
/** The time that is measured: CLOCK_MONOTONIC in microseconds, which the profiles have too. */
const measured = { fromUs: 0, untilUs: 0 }
const profile = profiling ? ['--cpu-prof', `--cpu-prof-dir=${folder}`] : []
const shape = values.processes ? ['--processes'] : []
const collector = values.timeline ? await collectSpans() : undefined
const devnet = spawn(
  process.execPath,
  [...profile, MAIN, 'up', '--port', '0', '--da-nodes', values.nodes, ...shape, '--data-dir', dataDir, '--quiet'],
  // Children inherit it, so that every process leaves its profile.
  {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      ...(profiling && { NODE_OPTIONS: profile.join(' ') }),
      ...(collector !== undefined && { ZEROG_COMMON_OTLP_ENDPOINT: collector.endpoint }),
    },
  },
)
const rounds: Round[] = []
const exited = new Promise<void>((resolve) => devnet.once('exit', () => resolve()))

try {
  const disperser = await connect()
  await disperser.disperse(randomBytes(100_000)) // sessions, threads and code are warm after some of these
  for (let round = 0; round < 4; round++) await certified(blobBytes)
  const cpuBeforeMs = cpuMsOf(devnet.pid as number) // it runs
  const stagesBefore = await stages()
  measured.fromUs = monotonicUs()
  if (values.mode === 'latency') await latency()
  else if (values.mode === 'small') await small()
  else await rate()
  measured.untilUs = monotonicUs()
  const cpuMs = cpuMsOf(devnet.pid as number) - cpuBeforeMs
  const wallMs = (measured.untilUs - measured.fromUs) / 1000
  console.log(
    `CPU of the devnet: ${cpuMs} ms, ${Math.round(cpuMs / count)} ms per blob, ${(cpuMs / wallMs).toFixed(2)} cores; load ${loadavg()[0]?.toFixed(1)}`,
  )
  printStages(stagesBefore, await stages())
  disperser.close()

  /** Seconds from the first byte sent until the certificate is known to the caller. */
  async function certified(size: number): Promise<number> {
    const data = randomBytes(size)
    const startMs = nowMs()
    const id = await disperser.disperse(data)
    const accepted = nowMs()
    await disperser.until(id, BlobState.BLOB_STATE_CERTIFIED)
    const certified = nowMs()
    if (collector !== undefined) {
      await disperser.until(id, BlobState.BLOB_STATE_FINALIZED)
      rounds.push({ startMs, marks: { accepted, certified, final: nowMs() } })
    }
    return certified - startMs
  }

  async function latency(): Promise<void> {
    const times: number[] = []
    for (let round = 0; round < count; round++) times.push(await certified(blobBytes))
    times.sort((a, b) => a - b)
    const at = (share: number) => Math.round(times[Math.min(times.length - 1, Math.floor(share * times.length))] as number)
    report(
      `certificate of ${values.mib} MiB: p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, p99 ${at(0.99)} ms, best ${at(0)} ms (${count} blobs, one at a time)`,
    )
  }

  async function rate(): Promise<void> {
    const inFlight = 4
    const startMs = performance.now()
    let left = count
    await Promise.all(
      Array.from({ length: inFlight }, async () => {
        while (left-- > 0) await certified(blobBytes)
      }),
    )
    const seconds = (performance.now() - startMs) / 1000
    report(
      `sustained: ${((count * blobBytes) / 1e6 / seconds).toFixed(1)} MB/s certified (${count} blobs of ${values.mib} MiB, ${inFlight} at a time)`,
    )
  }

  async function small(): Promise<void> {
    const blobs = count === 20 ? 10_000 : count
    const startMs = performance.now()
    const ids: string[] = []
    let next = 0
    await Promise.all(
      Array.from({ length: 512 }, async () => {
        while (next++ < blobs) ids.push(await disperser.disperse(randomBytes(1024)))
      }),
    )
    const acceptedMs = performance.now() - startMs
    const used = new Map<string, { payload: number; k: number; n: number; rowBytes: number; transaction: string }>()
    for (const id of ids) {
      const blob = await disperser.until(id, BlobState.BLOB_STATE_FINALIZED)
      const header = blob.parts[0]?.header
      if (header === undefined) throw new Error('a final blob has a header')
      const key = header.commitment.toString('hex')
      if (!used.has(key)) used.set(key, await disperser.bundle(header.commitment, header.epoch))
    }
    const finalMs = performance.now() - startMs
    const coded = [...used.values()].reduce(
      (sum, { k, n, rowBytes }) => sum + (k + n) * (rowBytes + 32 * Math.log2(k + n)) + 16 * k * Number(values.nodes),
      0,
    )
    const transactions = new Set([...used.values()].map(({ transaction }) => transaction)).size
    report(
      `${blobs} blobs of 1 KiB: accepted in ${(acceptedMs / 1000).toFixed(1)} s, final in ${(finalMs / 1000).toFixed(1)} s; ` +
        `${used.size} bundles = ${used.size} slots on chain in ${transactions} transactions; ` +
        `${Math.round(coded / blobs)} coded and proof bytes per blob (dealt rows with paths, vectors at every member)`,
    )
  }
} finally {
  devnet.kill('SIGINT')
  await exited
  collector?.close()
  if (collector !== undefined) for (const line of timeline(rounds.slice(-count), collector.spans)) console.log(line)
  if (profiling) printProfiles()

  rmSync(folder, { recursive: true, force: true })
}

type Stages = ReadonlyMap<string, { readonly sum: number; readonly count: number }>

/** Sums and counts of the stages out of the targets' own metrics. */
async function stages(): Promise<Stages> {
  const { services } = JSON.parse(readFileSync(join(dataDir, 'endpoints.json'), 'utf8'))
  const admins = new Set<string>(Object.values(services as Record<string, { admin: string }>).map(({ admin }) => admin))
  const texts = await Promise.all([...admins].map(async (admin) => (await fetch(`http://${admin}/metrics`)).text()))
  const lines = [...new Set(texts)].join('\n').split('\n')
  const total = (name: string) =>
    lines
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  return new Map(STAGES.map((name) => [name, { sum: total(`${name}_sum`), count: total(`${name}_count`) }]))
}

function printStages(before: Stages, after: Stages): void {
  for (const [name, { sum, count }] of after) {
    const samples = count - (before.get(name)?.count ?? 0)
    const seconds = sum - (before.get(name)?.sum ?? 0)
    if (samples > 0) console.log(`${name}: mean ${((1000 * seconds) / samples).toFixed(1)} ms of ${samples}`)
  }
}

/** User and system time of a process and its children, all threads. */
function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const own = (Number(fields[11]) + Number(fields[12])) * 10 // clock ticks of 1/100 s
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
  return children.reduce((sum, child) => sum + cpuMsOf(Number(child)), own)
}

function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

function report(line: string): void {
  const form = values.processes ? 'one process per target, gRPC' : 'one process'
  console.log(`${line}; ${values.nodes} members, ${form}; ${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}`)
}

async function connect() {
  const path = join(dataDir, 'endpoints.json')
  const untilMs = performance.now() + 120_000
  while (!existsSync(path)) {
    if (performance.now() > untilMs || devnet.exitCode !== null) throw new Error('the devnet did not start')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const { services, tls } = JSON.parse(readFileSync(path, 'utf8'))
  const secure = credentials.createSsl(readFileSync(tls.ca), readFileSync(tls.key), readFileSync(tls.cert))
  const client = new Client(services['da-disperser'].grpc, secure)
  const { methods } = DisperserServiceDefinition
  const pathOf = (name: string) => `/zerog.da.v1.DisperserService/${name}`
  return {
    async disperse(data: Buffer): Promise<string> {
      return new Promise((resolve, reject) => {
        const call = client.makeClientStreamRequest<DisperseRequest, DisperseResponse>(
          pathOf(methods.disperse.name),
          (message) => encodeChunk(methods.disperse.requestType, message) as Buffer, // it allocates one
          (bytes) => methods.disperse.responseType.decode(bytes),
          (error, answer) => (answer?.blob === undefined ? reject(error) : resolve(answer.blob.id)),
        )
        const options = { sizeBytes: BigInt(data.length), idempotencyKey: '', account: Buffer.alloc(0), retentionSeconds: 0 }
        for (let offset = 0; offset < data.length; offset += CHUNK_BYTES) {
          call.write({ options: offset === 0 ? options : undefined, chunk: data.subarray(offset, offset + CHUNK_BYTES) })
        }
        call.end()
      })
    },
    until(id: string, state: number): Promise<NonNullable<WatchBlobResponse['blob']>> {
      return new Promise((resolve, reject) => {
        const call = client.makeServerStreamRequest<{ id: string }, WatchBlobResponse>(
          pathOf(methods.watchBlob.name),
          (message) => Buffer.from(methods.watchBlob.requestType.encode(message).finish()),
          (bytes) => methods.watchBlob.responseType.decode(bytes),
          { id },
        )
        call.on('error', reject)
        call.on('data', ({ blob }: WatchBlobResponse) => {
          if (blob?.state === BlobState.BLOB_STATE_FAILED) reject(new Error(`${blob.failureReason}: ${blob.failureMessage}`))
          if (blob === undefined || blob.state < state) return
          resolve(blob)
          // A final blob ends its stream by itself; thousands of cancelled ones would look like a reset flood to HTTP/2.
          if (blob.state !== BlobState.BLOB_STATE_FINALIZED) call.cancel()
        })
      })
    },
    bundle(commitment: Buffer, epoch: bigint) {
      return new Promise<{ payload: number; k: number; n: number; rowBytes: number; transaction: string }>((resolve, reject) => {
        client.makeUnaryRequest(
          pathOf(methods.getCertificate.name),
          (message: { commitment: Buffer; epoch: bigint }) =>
            Buffer.from(methods.getCertificate.requestType.encode(message).finish()),
          (bytes: Buffer) => methods.getCertificate.responseType.decode(bytes),
          { commitment, epoch },
          (error, answer) => {
            if (answer?.bundle === undefined) return reject(error)
            const { k, n, rowBytes, payloadBytes: payload } = answer.bundle
            resolve({ payload, k, n, rowBytes, transaction: answer.transactionHash.toString('hex') })
          },
        )
      })
    },
    close: () => client.close(),
  }
}

type Profile = {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string; readonly url: string } }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
  /** Microseconds of CLOCK_MONOTONIC. */
  readonly startTime: number
}

/** Self time by function over all threads and processes while it was measured: what bounds the rate. */
function printProfiles(): void {
  const byName = new Map<string, number>()
  const threads: { readonly busyMs: number; readonly names: ReadonlyMap<string, number> }[] = []
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))) {
    const { nodes, samples, timeDeltas, startTime } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile
    const names = new Map(
      nodes.map(({ id, callFrame: { functionName, url } }) => [
        id,
        `${functionName || '(anonymous)'} ${url.split('/').slice(-3).join('/')}`,
      ]),
    )
    const own = new Map<string, number>()
    let atUs = startTime
    let busyMs = 0
    for (const [index, sample] of samples.entries()) {
      const deltaUs = timeDeltas[index] ?? 0
      atUs += deltaUs
      if (atUs < measured.fromUs || atUs > measured.untilUs) continue
      const name = names.get(sample) ?? '?'
      if (name.startsWith('(idle)')) continue
      busyMs += deltaUs / 1000
      own.set(name, (own.get(name) ?? 0) + deltaUs / 1000)
    }
    threads.push({ busyMs, names: own })
    for (const [name, ms] of own) byName.set(name, (byName.get(name) ?? 0) + ms)
  }
  const busy = threads.reduce((sum, { busyMs }) => sum + busyMs, 0)
  const share = threads.filter(({ busyMs }) => busyMs > busy / 100).sort((a, b) => b.busyMs - a.busyMs)
  console.log(`busy ms per blob by thread: ${share.map(({ busyMs }) => (busyMs / count).toFixed(0)).join(', ')}`)
  printNames(byName, busy)
  const [busiest] = share
  if (busiest === undefined || share.length === 1) return
  console.log('the busiest thread alone:')
  printNames(busiest.names, busiest.busyMs)
}

function printNames(byName: ReadonlyMap<string, number>, busy: number): void {
  for (const [name, ms] of [...byName].sort((a, b) => b[1] - a[1]).slice(0, 25)) {
    console.log(`${((100 * ms) / busy).toFixed(1).padStart(5)} %  ${(ms / count).toFixed(1).padStart(6)} ms per blob  ${name}`)
  }
}
