// `pnpm load:scaling`: what a layer gains by more replicas, in figures that do not depend on how busy the machine is.
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { DevnetEndpoints } from '@zerog/cli'
import { createZerogClient, gatewayEndpoints } from '@zerog/sdk'
import { removeDevnet, startDevnet, temporaryFolder } from '../e2e/devnet.ts'

const USAGE = 'usage: pnpm load:scaling [--only da|rpc|worker] [--requests <n per replica, default 1500>]'
const BLOB_BYTES = 4 * 1024 * 1024 - 4096
/** Requests at once. */
const PARALLEL = 12
/** Ticks of /proc per second on every Linux that we run on. */
const TICKS = 100

const { values } = parseArgs({ options: { only: { type: 'string' }, requests: { type: 'string', default: '1500' } } })
const requests = Number(values.requests)
const parts = { da, rpc, worker }
if (!(requests >= 30) || (values.only !== undefined && !(values.only in parts))) {
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
  })
}

/**
 * CPU time of each replica. Where every replica takes its share and a request costs what it cost before, the layer's
 * throughput is replicas / CPU time per request, as long as each has a core.
 */
async function replicas(options: {
  readonly target: string
  readonly flag: string
  readonly request: (endpoints: DevnetEndpoints, index: number) => Promise<void>
  readonly count: number
}): Promise<void> {
  const { target, count } = options
  const costs: number[] = []
  for (const copies of [1, 3]) {
    await withDevnet(['--processes', options.flag, String(copies)], async ({ endpoints }) => {
      const pids = Object.entries(endpoints.services).flatMap(([name, { pid }]) =>
        name === target || name.startsWith(`${target}-`) ? [pid] : [],
      )
      const work = (first: number, last: number) => inParallel(first, last, (index) => options.request(endpoints, index))
      // Every replica has compiled what it runs, and gets the same number of requests however many there are.
      const all = count * copies
      await work(0, all)
      const before = pids.map(cpuMs)
      await work(all, 2 * all)
      const used = pids.map((pid, index) => cpuMs(pid) - (before[index] ?? 0))
      const total = used.reduce((sum, ms) => sum + ms, 0)
      costs.push(total / all)
      const shares = used.map((ms) => `${Math.round((100 * ms) / total)} %`).join(', ')
      const most = Math.max(...used) / all
      say(
        `${target} x${copies}: ${(total / all).toFixed(2)} ms CPU per request, shares ${shares}: ${Math.round(1000 / most)} requests/s with a core each`,
      )
    })
  }
  say(`${target} 1 -> 3: a request costs ${((costs[1] ?? 0) / (costs[0] ?? 1)).toFixed(2)} times what it cost with one`)
}

async function inParallel(first: number, last: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = first
  const lane = async () => {
    while (next < last) await work(next++)
  }
  await Promise.all(Array.from({ length: PARALLEL }, lane))
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
