// `pnpm load:scaling`: what a layer gains by more replicas, in figures that do not depend on how busy the machine is.
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { DevnetEndpoints } from '@zerog/cli'
import { createZerogClient, gatewayEndpoints } from '@zerog/sdk'
import { removeDevnet, startDevnet, temporaryFolder } from '../e2e/devnet.ts'
import { limitCpu, quotaProblem } from './quota.ts'

const USAGE =
  'usage: pnpm load:scaling [--only da|rpc|worker] [--requests <n per replica, default 1500>] [--seconds <with limits, default 8>]'
const BLOB_BYTES = 4 * 1024 * 1024 - 4096
const COPIES = [1, 2, 3]
/** Requests at once, for each replica. */
const PARALLEL = 16
/** Ticks of /proc per second on every Linux that we run on. */
const TICKS = 100

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    requests: { type: 'string', default: '1500' },
    seconds: { type: 'string', default: '8' },
  },
})
const requests = Number(values.requests)
const seconds = Number(values.seconds)
const parts = { da, rpc, worker }
if (!(requests >= 30) || !(seconds >= 1) || (values.only !== undefined && !(values.only in parts))) {
  process.stderr.write(`${USAGE}\n`)
  process.exit(2)
}
for (const [name, measure] of Object.entries(parts)) if (values.only === undefined || values.only === name) await measure()

/** Bytes that a blob leaves on the disks of the members. */
async function da(): Promise<void> {
  const means: number[] = []
  for (const members of [4, 12]) {
    const bytes = await withDevnet(['--da-nodes', String(members)], async ({ endpoints, dataDir }) => {
      const before = nodeBytes(dataDir)
      const client = createZerogClient({ endpoints: gatewayEndpoints(endpoints.gatewayUrl) })
      await client.da.disperse(new Uint8Array(randomBytes(BLOB_BYTES)), { wait: 'finalized' })
      return nodeBytes(dataDir).map((size, index) => size - (before[index] ?? 0))
    })
    const mean = bytes.reduce((sum, size) => sum + size, 0) / bytes.length
    means.push(mean)
    say(
      `da-node x${members}: ${Math.round(mean)} bytes per node for a blob of ${BLOB_BYTES} (${Math.min(...bytes)} to ${Math.max(...bytes)})`,
    )
  }
  say(`da-node 4 -> 12: ${((means[0] ?? 0) / (means[1] ?? 1)).toFixed(2)} times fewer bytes per node`)
}

/** Sizes of the blob stores, by node. */
function nodeBytes(dataDir: string): number[] {
  const targets = join(dataDir, 'targets')
  const folders = readdirSync(targets).filter((name) => /^da-node-\d+$/.test(name))
  const sizeOf = (path: string): number =>
    statSync(path).isDirectory()
      ? readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0)
      : statSync(path).size
  return folders.sort().map((name) => sizeOf(join(targets, name)))
}

async function rpc(): Promise<void> {
  await replicas({
    target: 'chain-rpc',
    flag: '--rpc-replicas',
    request: async ({ gatewayUrl, accounts }, index) => {
      const params = [accounts[index % accounts.length]?.address, 'latest']
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_getBalance', params })
      const response = await fetch(gatewayUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      if ((await response.json()).result === undefined) throw new Error(`no balance: ${response.status}`)
    },
    count: requests,
    percent: 10,
  })
}

async function worker(): Promise<void> {
  await replicas({
    target: 'compute-worker',
    flag: '--compute-workers',
    request: async ({ compute }, index) => {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${compute?.openaiKey}` }
      const messages = [{ role: 'user', content: `How do I run the tests? ${index}` }]
      const body = JSON.stringify({ model: 'zerog-assistant-1', max_tokens: 16, temperature: 0, messages })
      const response = await fetch(`${compute?.openaiUrl}/chat/completions`, { method: 'POST', headers, body })
      if (!response.ok) throw new Error(`chat: ${response.status} ${(await response.text()).slice(0, 200)}`)
      await response.arrayBuffer()
    },
    count: Math.ceil(requests / 10),
    percent: 5,
  })
}

/**
 * Two figures for each number of replicas. CPU time per request and every replica's share of it, which do not depend on how busy the machine
 * is: where shares are equal and a request costs what it costs with one, the layer answers replicas / cost requests per second, given a core
 * each. And the rate itself, with each replica on a core made so slow (`percent` of one) that the replicas are what is short, not the
 * machine: client, gateway and all else run without a limit.
 */
async function replicas(options: {
  readonly target: string
  readonly flag: string
  readonly request: (endpoints: DevnetEndpoints, index: number) => Promise<void>
  readonly count: number
  readonly percent: number
}): Promise<void> {
  const { target, percent } = options
  const problem = quotaProblem()
  if (problem !== undefined) say(`skipped: rates with limits (${problem})`)
  const measured: { readonly costMs: number; readonly rate: number | undefined }[] = []
  for (const copies of COPIES) {
    await withDevnet(['--processes', options.flag, String(copies)], async ({ endpoints }) => {
      const pids = Object.entries(endpoints.services).flatMap(([name, { pid }]) =>
        name === target || name.startsWith(`${target}-`) ? [pid] : [],
      )
      if (pids.length !== copies) throw new Error(`${pids.length} processes of ${target} instead of ${copies}`)
      const request = (index: number) => options.request(endpoints, index)
      const { costMs, shares } = await cost(pids, request, options.count * copies)
      const law = `${costMs.toFixed(2)} ms CPU per request, shares ${shares.map((share) => `${Math.round(share)} %`).join(', ')}`
      const most = (Math.max(...shares) / 100) * costMs
      say(`${target} x${copies}: ${law}: ${Math.round(1000 / most)} requests/s with a core each`)
      const limited = problem === undefined ? await limitedRate(pids, request, percent) : undefined
      if (limited !== undefined)
        say(
          `${target} x${copies}, each on ${percent} % of a core: ${limited.rate.toFixed(1)} requests/s, ${Math.round(limited.used)} % of that CPU time used`,
        )
      measured.push({ costMs, rate: limited?.rate })
    })
  }
  const [one] = measured
  for (const [index, { costMs, rate }] of measured.entries()) {
    if (index === 0 || one === undefined) continue
    const costs = `a request costs ${(costMs / one.costMs).toFixed(2)} times what it costs with one`
    const rates = rate === undefined || one.rate === undefined ? '' : `, ${(rate / one.rate).toFixed(2)} times the requests/s`
    say(`${target} 1 -> ${COPIES[index]}: ${costs}${rates}`)
  }
}

/** CPU time of the replicas per request, and what part of it each bore, in percent; all have run as many requests before. */
async function cost(
  pids: readonly number[],
  request: (index: number) => Promise<void>,
  count: number,
): Promise<{ readonly costMs: number; readonly shares: readonly number[] }> {
  const run = (first: number) =>
    inParallel(
      pids.length * PARALLEL,
      (index) => index < count,
      (index) => request(first + index),
    )
  await run(0)
  const before = pids.map(cpuMs)
  await run(count)
  const used = pids.map((pid, index) => cpuMs(pid) - (before[index] ?? 0))
  const total = used.reduce((sum, ms) => sum + ms, 0)
  return { costMs: total / count, shares: used.map((ms) => (100 * ms) / total) }
}

/** Requests per second, and the part of their CPU time that the replicas used: near 100 % they were what was short. */
async function limitedRate(
  pids: readonly number[],
  request: (index: number) => Promise<void>,
  percent: number,
): Promise<{ readonly rate: number; readonly used: number }> {
  const release = limitCpu(pids, percent)
  try {
    const startMs = performance.now()
    const usedMs = () => pids.reduce((sum, pid) => sum + cpuMs(pid), 0)
    const before = usedMs()
    const endMs = startMs + seconds * 1000
    const done = await inParallel(pids.length * PARALLEL, () => performance.now() < endMs, request)
    const tookMs = performance.now() - startMs
    return { rate: (1000 * done) / tookMs, used: (100 * (usedMs() - before)) / ((tookMs * pids.length * percent) / 100) }
  } finally {
    release()
  }
}

/** Starts requests in lanes while `more` says so, waits for all, and returns how many there were. */
async function inParallel(
  lanes: number,
  more: (index: number) => boolean,
  work: (index: number) => Promise<void>,
): Promise<number> {
  let next = 0
  const lane = async () => {
    while (more(next)) await work(next++)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return next
}

/** User and system time of a process and its threads. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS
}

async function withDevnet<T>(
  flags: readonly string[],
  work: (devnet: { readonly endpoints: DevnetEndpoints; readonly dataDir: string }) => Promise<T>,
): Promise<T> {
  const dataDir = await temporaryFolder()
  try {
    return await work(await startDevnet(dataDir, ...flags))
  } finally {
    await removeDevnet(dataDir)
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
