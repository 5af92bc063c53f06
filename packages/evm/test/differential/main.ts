import { closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { EngineName } from '../../src/engine/engine.ts'
import { type Failure, readCorpus, runSeed } from './campaign.ts'
import { type RunOptions, runScenario } from './run-scenario.ts'
import type { Scenario } from './scenario.ts'

const USAGE = `Executes random chains with our engine and with @ethereumjs/vm and compares them.

  pnpm evm:differential --cases 1000000 [--seed 1] [--state campaign.json]
  pnpm evm:differential --seed 42 --seeds 1        one seed again
  pnpm evm:differential --case failure.json        one kept scenario again

  --engine <name>   engine under test (default zerog)
  --cases <n>       transactions to compare (default 20000)
  --seed <n>        first seed (default 1; every seed is a chain of 48 transactions)
  --seeds <n>       stop after this many seeds
  --state <file>    progress is kept there every 100 seeds; a campaign that was stopped goes on
  --every <n> --shard <i>   only each n-th seed, for several processes
  --portable        the oracle hashes, recovers and evaluates points by its own libraries (slow)
  --frames <n>      compare every message of each n-th seed (default 1; 0: roots, receipts and logs only)
`

type State = { readonly nextSeed: string; readonly cases: number; readonly failures: number }

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'zerog' },
    cases: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string' },
    state: { type: 'string' },
    every: { type: 'string', default: '1' },
    shard: { type: 'string', default: '0' },
    case: { type: 'string' },
    portable: { type: 'boolean', default: false },
    frames: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help || !['zerog', 'ethereumjs'].includes(values.engine)) {
  process.exitCode = values.help ? 0 : 2
  process.stdout.write(USAGE)
} else if (values.case === undefined) {
  process.exitCode = await campaign()
} else {
  process.exitCode = await replayCase(values.case)
}

function optionsOf(seed: bigint): RunOptions {
  return {
    engine: values.engine as EngineName, // one of ENGINES, see above
    frames: values.frames !== '0' && seed % BigInt(values.frames) === 0n,
    replay: seed % 8n === 0n,
    ...(values.portable && { oracle: { crypto: 'portable' } }),
  }
}

async function campaign(): Promise<number> {
  const before = readState(values.state)
  const wanted = Number(values.cases)
  const step = BigInt(values.every)
  const first = before === undefined ? BigInt(values.seed) + BigInt(values.shard) : BigInt(before.nextSeed)
  const last = values.seeds === undefined ? undefined : first + step * BigInt(values.seeds)
  let { cases, failures } = before ?? { cases: 0, failures: 0 }
  const startedCases = cases
  const startedMs = performance.now()
  if (before === undefined) failures += await runCorpus()
  let seed = first
  for (; cases < wanted && seed !== last; seed += step) {
    const result = await runSeed(seed, optionsOf(seed))
    cases += result.cases
    if (result.failure !== undefined) {
      failures += 1
      report(result.failure)
    }
    const count = (seed - first) / step + 1n
    if (count % 100n !== 0n) continue
    writeState(values.state, { nextSeed: String(seed + step), cases, failures })
    const rate = (cases - startedCases) / ((performance.now() - startedMs) / 1000)
    process.stderr.write(`${cases} of ${wanted} cases, seed ${seed}, ${failures} differences, ${rate.toFixed(0)} cases/s\n`)
  }
  writeState(values.state, { nextSeed: String(seed), cases, failures })
  process.stdout.write(`${cases} cases on engine ${values.engine}, ${failures} seeds or kept cases with differences\n`)
  return failures === 0 ? 0 : 1
}

async function runCorpus(): Promise<number> {
  let failures = 0
  for (const { found, scenario } of readCorpus()) {
    const { difference } = await runScenario(scenario, { ...optionsOf(0n), replay: true })
    if (difference === undefined) continue
    failures += 1
    process.stdout.write(`kept case (${found}): ${JSON.stringify(difference)}\n`)
  }
  return failures
}

function report({ seed, difference, scenario }: Failure): void {
  const file = `differential-${values.engine}-${seed}.json`
  writeFileSync(file, `${JSON.stringify(scenario)}\n`)
  process.stdout.write(
    `seed ${seed}: ${JSON.stringify(difference)}\n${JSON.stringify(scenario)}\nkept in ${file}; again: --case ${file}\n`,
  )
}

async function replayCase(file: string): Promise<number> {
  const scenario = JSON.parse(readFileSync(file, 'utf8')) as Scenario
  const { difference, cases } = await runScenario(scenario, { ...optionsOf(0n), replay: true })
  process.stdout.write(
    `${cases} cases on engine ${values.engine}: ${difference === undefined ? 'no difference' : JSON.stringify(difference, null, 2)}\n`,
  )
  return difference === undefined ? 0 : 1
}

function readState(file: string | undefined): State | undefined {
  return file === undefined || !existsSync(file) ? undefined : (JSON.parse(readFileSync(file, 'utf8')) as State)
}

/** Whole or not at all. */
function writeState(file: string | undefined, state: State): void {
  if (file === undefined) return
  const fd = openSync(`${file}.new`, 'w')
  writeSync(fd, JSON.stringify(state))
  closeSync(fd)
  renameSync(`${file}.new`, file)
}
