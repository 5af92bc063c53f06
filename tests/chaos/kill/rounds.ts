import { rm } from 'node:fs/promises'
import { Prng } from '@zerog/sim'
import { temporaryFolder, zerog } from '../../e2e/devnet.ts'
import { BrokenPromise } from './caller.ts'
import { requireHealthy } from './doctor.ts'
import { type DevnetUnderFire, openFire, type Shape, VICTIMS, type Victim } from './fire.ts'
import { type Amount, LANES, openWorkload, type Workload } from './workload.ts'

export type KillLoopOptions = {
  readonly shape: Shape
  readonly rounds: number
  /** Decides victims, moments and contents. */
  readonly seed: bigint
  /** What each lane does in a round. Default 30 transfers and 2 files. */
  readonly amount?: Amount
  readonly say?: (line: string) => void
  /** Told before the devnet starts, so that an interrupted loop can stop it. */
  readonly onFolder?: (dataDir: string) => void
}

export type KillLoopReport = {
  readonly rounds: number
  readonly kills: Readonly<Record<string, number>>
  readonly transactions: number
  readonly transfers: number
  readonly files: number
  readonly segments: number
  readonly events: { readonly events: number; readonly redelivered: number }
  /** Submissions that were sent again after an outage and cost nothing. */
  readonly repeatedSubmissions: number
  /** Out of gas because another submission came between estimate and block. */
  readonly failedSubmissions: number
  readonly height: bigint
  readonly outages: Readonly<Record<string, number>>
  readonly recoverySecondsMax: number
}

const AMOUNT: Amount = { transfers: 30, files: 2 }

/**
 * Starts a devnet, works on it through its public faces, and kills something with SIGKILL in every round. Throws a BrokenPromise that
 * names seed, round and victim as soon as anything acknowledged is lost, doubled or different. The folder of a failure is kept.
 */
export async function runKillLoop(options: KillLoopOptions): Promise<KillLoopReport> {
  const dataDir = await temporaryFolder()
  options.onFolder?.(dataDir)
  let place = 'start'
  try {
    const report = await runRounds(options, dataDir, (text) => {
      place = text
    })
    await rm(dataDir, { recursive: true, force: true })
    return report
  } catch (error) {
    await zerog(['down', '--data-dir', dataDir])
    const what = error instanceof Error ? error.message : String(error)
    throw new BrokenPromise(`seed ${options.seed}, shape ${options.shape}, ${place}: ${what} (data: ${dataDir})`, {
      cause: error,
    })
  }
}

async function runRounds(options: KillLoopOptions, dataDir: string, at: (place: string) => void): Promise<KillLoopReport> {
  const random = Prng.fromSeed(options.seed).fork(options.shape)
  const fire = await openFire(dataDir, options.shape)
  const workload = await openWorkload(fire, random, options.amount ?? AMOUNT)
  try {
    return await runWith(workload, fire, options, { random, at })
  } finally {
    await workload.abandon()
  }
}

async function runWith(
  workload: Workload,
  fire: DevnetUnderFire,
  options: KillLoopOptions,
  { random, at }: { readonly random: Prng; readonly at: (place: string) => void },
): Promise<KillLoopReport> {
  const say = options.say ?? (() => {})
  const deal = dealer(VICTIMS[options.shape], random.fork('victims'))
  // Less than half of what a round acknowledges at least, so that no kill comes after the work.
  const acknowledgementsMax = Math.floor((LANES.transfers * (options.amount ?? AMOUNT).transfers * 4) / 9)
  const kills: Record<string, number> = {}
  let recoverySecondsMax = 0
  for (let round = 1; round <= options.rounds; round++) {
    const victim = deal()
    const startedMs = performance.now()
    at(`round ${round}, ${victim}`)
    const plan = {
      victim,
      acknowledgements: random.between(1, acknowledgementsMax),
      delayMs: random.below(40),
      // Half of the kills find a workload that goes on; in the others it stands still until what was acknowledged is looked at.
      strict: random.chance(0.5),
      doctor: random.chance(0.2),
    }
    const recovery = await workload.round(plan)
    kills[victim] = (kills[victim] ?? 0) + 1
    recoverySecondsMax = Math.max(recoverySecondsMax, recovery.seconds)
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
    say(
      `${options.shape} ${round}/${options.rounds} ${victim} after ${plan.acknowledgements}${plan.strict ? ', strict' : ''}: back in ${recovery.seconds.toFixed(1)} s, round ${seconds} s, height ${workload.height()}`,
    )
  }
  at('the end')
  const report = await workload.close()
  await fire.stop()
  await requireHealthy(fire.dataDir)
  return { ...report, rounds: options.rounds, kills, recoverySecondsMax }
}

/** Each victim once in random order, then again: every one has its turn, in every order. */
function dealer(victims: readonly Victim[], random: Prng): () => Victim {
  let deck: Victim[] = []
  return () => {
    if (deck.length === 0) deck = random.shuffle(victims)
    return deck.pop() as Victim // the deck was just filled
  }
}
