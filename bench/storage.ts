// Upload through the gateway to three storage nodes and verified download, with the CPU profile that names what bounds them.
// Run: node bench/storage.ts [--mib 64] [--rounds 3]
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createZerogClient, gatewayEndpoints, type Signer } from '@zerog/sdk'
import { privateKeyToAccount } from 'viem/accounts'

const MAIN = join(import.meta.dirname, '../packages/cli/src/main.ts')
const { values } = parseArgs({ options: { mib: { type: 'string', default: '64' }, rounds: { type: 'string', default: '3' } } })
const sizeBytes = Number(values.mib) * 1024 * 1024
const rounds = Number(values.rounds)

const folder = mkdtempSync(join(tmpdir(), 'zerog-bench-'))
const dataDir = join(folder, 'devnet')
const devnet = spawn(
  process.execPath,
  ['--cpu-prof', `--cpu-prof-dir=${folder}`, MAIN, 'up', '--port', '0', '--storage-nodes', '3', '--data-dir', dataDir, '--quiet'],
  { stdio: ['ignore', 'ignore', 'inherit'] },
)
const exited = new Promise<void>((resolve) => devnet.once('exit', () => resolve()))

try {
  const client = await connect()
  const results = []
  for (let round = 0; round < rounds; round++) results.push(await measure(client))
  devnet.kill('SIGINT')
  await exited
  print(results)
} finally {
  devnet.kill('SIGINT')
  await exited
  rmSync(folder, { recursive: true, force: true })
}

type Client = ReturnType<typeof createZerogClient>
type Result = { readonly uploadSeconds: number; readonly downloadSeconds: number; readonly smallMs: number }

async function connect(): Promise<Client> {
  const path = join(dataDir, 'endpoints.json')
  const untilMs = performance.now() + 60_000
  while (!existsSync(path)) {
    if (performance.now() > untilMs || devnet.exitCode !== null) throw new Error('the devnet did not start')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const file = JSON.parse(readFileSync(path, 'utf8'))
  const account: Signer = privateKeyToAccount(file.accounts[0].privateKey)
  return createZerogClient({ endpoints: gatewayEndpoints(file.gatewayUrl), account })
}

async function measure(client: Client): Promise<Result> {
  const data = randomBytes(sizeBytes)
  const beforeUpload = performance.now()
  const { root } = await client.storage.upload(data, { wait: 'finalized' })
  const beforeDownload = performance.now()
  const back = await client.storage.downloadBytes(root)
  const done = performance.now()
  if (!data.equals(back)) throw new Error('the download differs from the upload')
  const small = randomBytes(256 * 1024)
  const beforeSmall = performance.now()
  await client.storage.upload(small, { wait: 'finalized' })
  return {
    uploadSeconds: (beforeDownload - beforeUpload) / 1000,
    downloadSeconds: (done - beforeDownload) / 1000,
    smallMs: performance.now() - beforeSmall,
  }
}

function print(results: readonly Result[]): void {
  const median = (pick: (result: Result) => number) => results.map(pick).toSorted((a, b) => a - b)[results.length >> 1] as number
  const rate = (seconds: number) => `${(sizeBytes / 1e6 / seconds).toFixed(0)} MB/s`
  console.log(
    `${values.mib} MiB, three storage nodes in one process, client beside it; ${cpus().length} x ${cpus()[0]?.model}, node ${process.versions.node}, median of ${rounds}`,
  )
  console.log(`  upload until finalized        ${rate(median((result) => result.uploadSeconds))}`)
  console.log(`  download, every segment proven ${rate(median((result) => result.downloadSeconds))}`)
  console.log(`  256 KiB until finalized       ${median((result) => result.smallMs).toFixed(0)} ms`)
  console.log('server, share of CPU samples (idle left out):')
  for (const [name, share] of profile().slice(0, 12)) console.log(`  ${(100 * share).toFixed(1).padStart(5)} %  ${name}`)
}

type CpuProfile = {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string; readonly url: string } }[]
  readonly samples: readonly number[]
}

/** Self time by function and place, busiest first, of the largest profile: the launcher's. */
function profile(): readonly (readonly [name: string, share: number])[] {
  const profiles = readdirSync(folder)
    .filter((file) => file.endsWith('.cpuprofile'))
    .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile)
    .sort((a, b) => b.samples.length - a.samples.length)
  const [largest] = profiles
  if (largest === undefined) throw new Error('the devnet left no profile')
  const names = new Map(largest.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const counts = new Map<string, number>()
  let busy = 0
  for (const sample of largest.samples) {
    const name = names.get(sample) ?? '?'
    if (name.startsWith('(idle)')) continue
    busy++
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].map(([name, count]) => [name, count / busy] as const).sort((a, b) => b[1] - a[1])
}

function nameOf({ functionName, url }: { readonly functionName: string; readonly url: string }): string {
  const place = /(?:packages|services)\/[^?]*$|node_modules\/\.pnpm\/([^/]+)/.exec(url)
  return `${functionName === '' ? '(anonymous)' : functionName}${url === '' ? '' : `  ${place?.[1] ?? place?.[0] ?? url}`}`
}
