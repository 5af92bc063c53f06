import { FAULT_KINDS, type FaultControls, type FaultKind, type FaultRates } from './faults.ts'
import { LIMITS } from './limits.ts'
import type { NetworkOptions } from './network.ts'
import { Sim } from './sim.ts'

export type Scenario = {
  /** kebab-case; the name for `--scenario` and of the corpus file. */
  readonly name: string
  /** What it proves, in one sentence. */
  readonly description: string
  readonly faults: FaultRates
  /** Faults that a campaign over many seeds must have seen, or it proved nothing. */
  readonly mustSee?: readonly FaultKind[]
  readonly swarm?: boolean
  readonly network?: NetworkOptions
  /** Globals that libraries may use because no result depends on them. */
  readonly allowedGlobals?: readonly string[]
  readonly eventsMax?: number
  readonly timeMaxMs?: number
  /** Builds nodes, registers checkers, drives load, and at the end asks what must hold. */
  readonly run: (sim: Sim) => Promise<void>
}

export type Outcome = {
  readonly seed: bigint
  /** Audit hash: the same code and seed give the same one. */
  readonly hash: string
  readonly events: number
  readonly virtualMs: number
  readonly faults: ReadonlyMap<FaultKind, number>
  /** Faults decided, the unit in which `decisionsMax` counts. */
  readonly decisions: number
  readonly failure: SimFailure | undefined
}

export type RunOptions = FaultControls & { readonly seed: bigint; readonly trace?: (line: string) => void }

/** Runs a scenario once. Never rejects: a failure is part of the outcome. */
export async function simulate(scenario: Scenario, options: RunOptions): Promise<Outcome> {
  const sim = new Sim({ ...scenario, ...options })
  let failure: SimFailure | undefined
  try {
    await sim.run(scenario.run)
  } catch (cause) {
    failure = new SimFailure(scenario.name, sim, cause)
  }
  return {
    seed: sim.seed,
    hash: sim.hash,
    events: sim.events,
    virtualMs: sim.nowMs,
    faults: sim.faults.counts,
    decisions: sim.faults.decisions,
    failure,
  }
}

/** A run that broke a promise, with everything that is needed to see it again. */
export class SimFailure extends Error {
  override readonly name = 'SimFailure'
  readonly seed: bigint

  constructor(scenario: string, sim: Sim, cause: unknown) {
    const what = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
    const lines = sim.recent().map((line) => `    ${line}`)
    super(
      `scenario ${scenario}, seed ${sim.seed}, at ${sim.nowMs.toFixed(3)} virtual ms: ${what}\n` +
        `  replay: pnpm sim --scenario ${scenario} --seed ${sim.seed} --trace\n` +
        `  faults: ${printFaults(sim.faults.counts)}\n  last events:\n${lines.join('\n')}`,
      { cause },
    )
    this.seed = sim.seed
  }
}

/** Runs a seed twice; throws when the two stories differ, which means that something outside of the simulation was asked. */
export async function expectSameHash(scenario: Scenario, seed: bigint): Promise<Outcome> {
  const lines: string[] = []
  const first = await simulate(scenario, { seed, trace: (line) => lines.push(line) })
  let index = 0
  let difference: string | undefined
  const compare = (line: string) => {
    if (line !== lines[index++]) difference ??= `event ${index}: first "${lines[index - 1]}", then "${line}"`
  }
  const second = await simulate(scenario, { seed, trace: compare })
  if (first.hash !== second.hash) {
    throw new Error(
      `seed ${seed} of ${scenario.name} does not replay; ${difference ?? `the first run went on: "${lines[index]}"`}`,
    )
  }
  return first
}

/** Runs many seeds and adds up what they saw. Stops at the first failure unless `keepGoing`. */
export async function campaign(
  scenario: Scenario,
  options: { readonly seeds: Iterable<bigint>; readonly keepGoing?: boolean; readonly onOutcome?: (outcome: Outcome) => void },
): Promise<{
  readonly outcomes: readonly Outcome[]
  readonly failures: readonly SimFailure[]
  readonly faults: ReadonlyMap<FaultKind, number>
}> {
  const outcomes: Outcome[] = []
  const faults = new Map<FaultKind, number>()
  for (const seed of options.seeds) {
    const outcome = await simulate(scenario, { seed })
    outcomes.push(outcome)
    options.onOutcome?.(outcome)
    for (const [kind, count] of outcome.faults) faults.set(kind, (faults.get(kind) ?? 0) + count)
    if (outcome.failure && !options.keepGoing) break
  }
  return { outcomes, failures: outcomes.flatMap(({ failure }) => failure ?? []), faults }
}

/** Throws unless every fault that the scenario counts on happened at least once. */
export function expectCoverage(scenario: Scenario, faults: ReadonlyMap<FaultKind, number>): void {
  const missing = (scenario.mustSee ?? []).filter((kind) => !faults.get(kind))
  if (missing.length > 0) throw new Error(`${scenario.name} never saw ${missing.join(', ')}: it proves nothing about them`)
}

/**
 * The seeds of a range, spread over all 64 bits so that neighbours share nothing (the Weyl sequence of SplitMix64).
 */
export function* seedRange(first: number, count: number): Iterable<bigint> {
  for (let index = 0; index < count; index++) yield BigInt.asUintN(64, BigInt(first + index) * 0x9e3779b97f4a7c15n)
}

/**
 * Fewer faults that still fail: whole kinds first, then everything after the earliest decision that suffices. Every step is a
 * full run, so the result is a real failure, not necessarily the smallest.
 */
export async function shrink(
  scenario: Scenario,
  seed: bigint,
): Promise<{ readonly controls: FaultControls; readonly outcome: Outcome }> {
  let runs = 0
  const attempt = async (controls: FaultControls): Promise<Outcome | undefined> => {
    if (runs++ >= LIMITS.shrinkRunsMax) return undefined
    const outcome = await simulate(scenario, { seed, ...controls })
    return outcome.failure && outcome
  }
  let outcome = await attempt({})
  if (outcome === undefined) throw new Error(`seed ${seed} of ${scenario.name} does not fail`)
  let without: readonly FaultKind[] = FAULT_KINDS.filter((kind) => !outcome?.faults.has(kind))
  for (const kind of FAULT_KINDS) {
    if (without.includes(kind)) continue
    const fewer = await attempt({ without: [...without, kind] })
    // Without one kind a run may go on longer and collect more of the others: that is no smaller story.
    if (fewer && fewer.decisions <= outcome.decisions) [outcome, without] = [fewer, [...without, kind]]
  }
  let decisionsMax = outcome.decisions
  for (let low = 0; low < decisionsMax; ) {
    const middle = (low + decisionsMax) >> 1
    const fewer = await attempt({ without, decisionsMax: middle })
    if (fewer) [outcome, decisionsMax] = [fewer, middle]
    else low = middle + 1
  }
  return { controls: { without, decisionsMax }, outcome }
}

export function printFaults(faults: ReadonlyMap<FaultKind, number>): string {
  return [...faults].map(([kind, count]) => `${kind}=${count}`).join(' ') || 'none'
}
