// `pnpm sim --scenario mempool --seed 42`: replays one seed. `--runs 1000`: that many, from `--first` on.
import { randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import { parseArgs } from 'node:util'
import {
  campaign,
  expectCoverage,
  expectSameHash,
  type Outcome,
  printFaults,
  type Scenario,
  seedRange,
  shrink,
  simulate,
} from '@zerog/sim'
import { consensusCommand } from './consensus/command.ts'
import { SCENARIOS } from './scenarios.ts'

const USAGE = `usage: pnpm sim --scenario <name> [--seed <n> [--trace] [--shrink]] | [--runs <n> [--first <n>]] [--keep-going]
  without --seed and --first the seeds are fresh ones
  scenarios: ${Object.keys(SCENARIOS).join(' ')} consensus`

/** Unbuffered, and without asynchronous resources that a running simulation would take for an escape. */
function print(line: string): void {
  writeSync(1, `${line}\n`)
}

function report({ seed, failure, hash, events, virtualMs, faults }: Outcome): void {
  const outcome = failure ? 'FAILED' : 'ok'
  print(
    `seed ${seed}  ${outcome}  hash ${hash}  ${events} events  ${virtualMs.toFixed(0)} virtual ms  faults: ${printFaults(faults)}`,
  )
  if (failure) print(failure.message)
}

async function replay(
  scenario: Scenario,
  seed: bigint,
  flags: { readonly trace: boolean; readonly shrink: boolean },
): Promise<boolean> {
  const outcome = flags.trace ? await simulate(scenario, { seed, trace: print }) : await expectSameHash(scenario, seed)
  report(outcome)
  if (flags.shrink && outcome.failure) {
    const { controls, outcome: smaller } = await shrink(scenario, seed)
    print(`shrunk from ${outcome.decisions} faults to ${smaller.decisions} (without ${controls.without?.join(' ')})`)
    report(smaller)
  }
  return outcome.failure === undefined
}

async function tryMany(
  scenario: Scenario,
  options: { readonly first: number; readonly runs: number; readonly keepGoing: boolean },
): Promise<boolean> {
  const started = process.hrtime.bigint()
  const { outcomes, failures, faults } = await campaign(scenario, {
    seeds: seedRange(options.first, options.runs),
    keepGoing: options.keepGoing,
    onOutcome: report,
  })
  const seconds = Number(process.hrtime.bigint() - started) / 1e9
  const events = outcomes.reduce((sum, outcome) => sum + outcome.events, 0)
  print(
    `${outcomes.length} runs, ${failures.length} failed, ${events} events in ${seconds.toFixed(1)} s; faults: ${printFaults(faults)}`,
  )
  if (failures.length === 0 && options.runs > 1) expectCoverage(scenario, faults)
  return failures.length === 0
}

const { values } = parseArgs({
  options: {
    scenario: { type: 'string' },
    seed: { type: 'string' },
    runs: { type: 'string', default: '1' },
    first: { type: 'string' },
    trace: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const entry = values.scenario === undefined ? undefined : SCENARIOS[values.scenario]
if (values.scenario === 'consensus' && !values.help) {
  const passed = consensusCommand(
    {
      seed: values.seed === undefined ? undefined : BigInt(values.seed),
      trace: values.trace,
      first: values.first === undefined ? randomBytes(4).readUInt32BE() : Number(values.first),
      runs: Number(values.runs),
      keepGoing: values['keep-going'],
    },
    print,
  )
  process.exitCode = passed ? 0 : 1
} else if (values.help || entry === undefined) {
  print(USAGE)
  process.exitCode = values.help ? 0 : 2
} else {
  const scenario = await entry.load()
  const first = values.first === undefined ? randomBytes(4).readUInt32BE() : Number(values.first)
  const passed =
    values.seed === undefined
      ? await tryMany(scenario, { first, runs: Number(values.runs), keepGoing: values['keep-going'] })
      : await replay(scenario, BigInt(values.seed), { trace: values.trace, shrink: values.shrink })
  process.exitCode = passed ? 0 : 1
}
