// How long a devnet takes to be ready and how much memory it holds at rest, in both shapes.
// Run: node bench/devnet.ts [--rounds 3] [--rest 10]
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const MAIN = join(import.meta.dirname, '../packages/cli/src/main.ts')
/** As `npm run up` sets it: modules are compiled once per checkout, not once per process. */
const NODE_COMPILE_CACHE = join(import.meta.dirname, '../.zerog/cache/node')
const SHAPES = [
  { name: 'one process', flags: [], targetSeconds: 6, targetMib: 1024 },
  { name: 'one process per target', flags: ['--processes'], targetSeconds: undefined, targetMib: 2048 },
] as const

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' }, rest: { type: 'string', default: '10' } } })
const rounds = Number(values.rounds)
const restSeconds = Number(values.rest)

console.log(
  `devnet start and memory; ${cpus().length} x ${cpus()[0]?.model}, node ${process.versions.node}, median of ${rounds} rounds`,
)
for (const shape of SHAPES) {
  const results = []
  for (let round = 0; round < rounds; round++) results.push(await measure(shape.flags))
  const coldSeconds = median(results.map(({ cold }) => cold))
  const secondSeconds = median(results.map(({ second }) => second))
  const mib = median(results.map(({ pss }) => pss)) / 1024 / 1024
  console.log(`${shape.name}`)
  console.log(`  ready, new data folder   ${coldSeconds.toFixed(1)} s (target 20)`)
  console.log(
    `  ready, second start      ${secondSeconds.toFixed(1)} s${shape.targetSeconds === undefined ? '' : ` (target ${shape.targetSeconds})`}`,
  )
  console.log(
    `  PSS ${restSeconds} s after ready     ${mib.toFixed(0)} MiB over ${results[0]?.processes} processes (target ${shape.targetMib})`,
  )
}

async function measure(flags: readonly string[]) {
  const dataDir = mkdtempSync(join(tmpdir(), 'zerog-bench-'))
  try {
    const cold = up(dataDir, flags)
    down(dataDir)
    const second = up(dataDir, flags)
    await new Promise((resolve) => setTimeout(resolve, restSeconds * 1000))
    const memory = pssOf(dataDir)
    down(dataDir)
    return { cold, second, ...memory }
  } finally {
    down(dataDir)
    rmSync(dataDir, { recursive: true, force: true })
  }
}

/** Seconds that a user waits from the command to the ready devnet. */
function up(dataDir: string, flags: readonly string[]): number {
  const startedMs = performance.now()
  zerog(['up', '--detach', '--port', '0', '--data-dir', dataDir, ...flags])
  return (performance.now() - startedMs) / 1000
}

function down(dataDir: string): void {
  zerog(['down', '--data-dir', dataDir])
}

function zerog(args: readonly string[]): void {
  execFileSync(process.execPath, [MAIN, ...args, '--json'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, NODE_COMPILE_CACHE },
  })
}

/** Sum of PSS over every process that has the folder in its command line or environment, with their children. */
function pssOf(dataDir: string): { readonly pss: number; readonly processes: number } {
  const parents = new Map<number, number>()
  const members = new Set<number>()
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const pid = Number(name)
    const stat = read(`/proc/${pid}/stat`)
    parents.set(pid, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    if (pid !== process.pid && (read(`/proc/${pid}/cmdline`) + read(`/proc/${pid}/environ`)).includes(dataDir)) members.add(pid)
  }
  // PostgreSQL's workers rename themselves: they are found through their parent.
  for (let grew = true; grew; ) {
    grew = false
    for (const [pid, parent] of parents) {
      if (!members.has(pid) && members.has(parent)) {
        members.add(pid)
        grew = true
      }
    }
  }
  const kib = [...members].map((pid) => Number(/^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0))
  return { pss: kib.reduce((sum, value) => sum + value * 1024, 0), processes: members.size }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
}
