// Transactions per second and per CPU-second of the server over JSON-RPC, from the first byte sent until the last nonce is visible in `latest`:
// transfers, ERC-20 transfers and swaps, beside anvil, Hardhat and ganache on the same bytes. Linux only (CPU is read from /proc).
// Run: node bench/chain.ts [--count 50000] [--rounds 5] [--workloads transfer,erc20,swap] [--servers zerog,anvil,hardhat,ganache]
//   [--profile] (prints where our process spent its time)
// Our door is the one that a user has: the gateway's HTTP port of `zerog up --chain-only`, with the validator in the same process.
// 100 senders, batches of 100, 4 in flight; the client shares the machine.
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { drive, setUp } from './chain/drive.ts'
import { monotonicUs, printProfile, type Span } from './chain/profile.ts'
import { type Contender, contenders, cpuMs, cpuMsByThread, residentMib } from './chain/servers.ts'
import { accounts, createWorkload, WORKLOADS, type Workload, type WorkloadName } from './chain/workloads.ts'

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '50000' },
    rounds: { type: 'string', default: '5' },
    workloads: { type: 'string', default: WORKLOADS.join(',') },
    servers: { type: 'string', default: 'zerog,anvil,hardhat,ganache' },
    profile: { type: 'boolean', default: false },
  },
})
const count = Number(values.count)
const rounds = Number(values.rounds)
const profileDir = values.profile ? mkdtempSync(join(tmpdir(), 'zerog-profile-')) : undefined
const known = contenders(profileDir)
const chosen = values.servers.split(',').map((name) => {
  const contender = known[name]
  if (contender === undefined) throw new Error(`no server ${name}: choose from ${Object.keys(known).join(', ')}`)
  return contender
})
const machine = `${cpus().length} x ${cpus()[0]?.model}, node ${process.versions.node}`
console.log(`${count} transactions, median of ${rounds} rounds; ${machine}, load ${loadavg()[0]?.toFixed(1)}`)

type Run = { readonly perSecond: number; readonly perCpuSecond: number; readonly residentMib: number }

const spans: Span[] = []
const senders = accounts()
for (const name of values.workloads.split(',') as WorkloadName[]) {
  const workloads = new Map<number, Workload>()
  const runs = new Map<Contender, Run[]>(chosen.map((contender) => [contender, []]))
  for (let round = 0; round < rounds; round++) {
    for (const contender of chosen) {
      const size = Math.min(count, contender.transactionsMax)
      if (!workloads.has(size)) workloads.set(size, createWorkload(name, size, senders))
      const run = await measure(contender, workloads.get(size) as Workload).catch((error: unknown) => {
        console.log(`  ${contender.name} (${contender.mode}) gave up: ${error instanceof Error ? error.message : error}`)
      })
      if (run !== undefined) runs.get(contender)?.push(run)
    }
  }
  print(name, runs)
}
if (profileDir !== undefined) {
  printProfile(profileDir, spans)
  rmSync(profileDir, { recursive: true, force: true })
}

async function measure(contender: Contender, workload: Workload): Promise<Run> {
  const server = await contender.start()
  try {
    await setUp(server.url, workload)
    const before = cpuMs(server.pid)
    const fromUs = monotonicUs()
    const seconds = await drive(server.url, workload)
    spans.push({ fromUs, untilUs: monotonicUs() })
    if (profileDir !== undefined) {
      const threads = [...cpuMsByThread(server.pid)].map(([thread, ms]) => `${thread} ${(ms / 1000).toFixed(2)} s`)
      console.log(`  CPU by thread since the start: ${threads.join(', ')}`)
    }
    const cpuSeconds = (cpuMs(server.pid) - before) / 1000
    const { length } = workload.transactions
    return { perSecond: length / seconds, perCpuSecond: length / cpuSeconds, residentMib: residentMib(server.pid) }
  } finally {
    await server.stop()
  }
}

function print(name: string, runs: ReadonlyMap<Contender, readonly Run[]>): void {
  console.log(`\n${name.padEnd(22)}${['tx/s', 'tx/CPU-s', 'zerog is', 'MiB'].map((head) => head.padStart(11)).join('')}`)
  const own = [...runs].find(([contender]) => contender.name === 'zerog')?.[1]
  for (const [{ name: server, mode, transactionsMax }, results] of runs) {
    const perCpu = median(results.map((run) => run.perCpuSecond))
    const ratio = own === undefined ? '' : `${(median(own.map((run) => run.perCpuSecond)) / perCpu).toFixed(2)} x`
    const cells = [
      median(results.map((run) => run.perSecond)).toFixed(0),
      perCpu.toFixed(0),
      ratio,
      median(results.map((run) => run.residentMib)).toFixed(0),
    ]
    const fewer = transactionsMax < count ? ` (${transactionsMax} transactions)` : ''
    console.log(`  ${server.padEnd(20)}${cells.map((cell) => cell.padStart(11)).join('')}  ${mode}${fewer}`)
  }
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
