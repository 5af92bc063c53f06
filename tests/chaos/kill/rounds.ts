import { rm } from 'node:fs/promises'
import { developmentAccounts } from '@zerog/contracts'
import { Prng } from '@zerog/sim'
import type { Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { temporaryFolder, until, zerog } from '../../e2e/devnet.ts'
import { openBooks } from './books.ts'
import { BrokenPromise, createCaller, requirePromise } from './caller.ts'
import { type DevnetUnderFire, openFire, type Recovery, type Shape, VICTIMS, type Victim } from './fire.ts'
import { type AcknowledgedTransfer, transferLane } from './transfers.ts'
import { type AcknowledgedSegment, requireFile, requireSegment, type StoredFile, segmentsOf, uploadLane } from './uploads.ts'
import { watchEvents, watchHeights } from './watch.ts'

export type KillLoopOptions = {
  readonly shape: Shape
  readonly rounds: number
  /** Decides victims, moments and contents. */
  readonly seed: bigint
  readonly say?: (line: string) => void
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

const TRANSFER_LANES = 3
const UPLOAD_LANES = 2
const TRANSFERS_PER_ROUND = 30
const FILES_PER_ROUND = 2
/** A third of what a round acknowledges at least, so that a kill never comes after the work. */
const ACKNOWLEDGEMENTS_BEFORE_KILL_MAX = 40
const ROUND_MS = 240_000

/**
 * Starts a devnet, works on it through its public faces, and kills something with SIGKILL in every round. Throws a BrokenPromise that
 * names seed, round and victim as soon as anything acknowledged is lost, doubled or different. The folder of a failure is kept.
 */
export async function runKillLoop(options: KillLoopOptions): Promise<KillLoopReport> {
  const dataDir = await temporaryFolder()
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
  const workload = await openWorkload(fire, random)
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
  const kills: Record<string, number> = {}
  let recoverySecondsMax = 0
  for (let round = 1; round <= options.rounds; round++) {
    const victim = deal()
    const startedMs = performance.now()
    at(`round ${round}, ${victim}`)
    const plan = {
      victim,
      acknowledgements: random.between(1, ACKNOWLEDGEMENTS_BEFORE_KILL_MAX),
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

type RoundPlan = {
  readonly victim: Victim
  readonly acknowledgements: number
  readonly delayMs: number
  readonly strict: boolean
  readonly doctor: boolean
}

type Workload = Awaited<ReturnType<typeof openWorkload>>

async function openWorkload(fire: DevnetUnderFire, random: Prng) {
  let acknowledged = 0
  const transfers: AcknowledgedTransfer[] = []
  const files: StoredFile[] = []
  const segments: AcknowledgedSegment[] = []
  const caller = createCaller({
    gatewayUrl: () => fire.endpoints().gatewayUrl,
    onAnswer(face, request) {
      const stored = segmentsOf(face, request)
      segments.push(...stored)
      acknowledged += stored.length
    },
  })
  const accounts = developmentAccounts().map(({ privateKey }) => privateKeyToAccount(privateKey))
  const books = await openBooks(
    caller.direct,
    accounts.map(({ address }) => address.toLowerCase() as Hex),
  )
  const transferLanes = accounts.slice(0, TRANSFER_LANES).map((account, lane) =>
    transferLane(
      { account, lane, chainId: fire.endpoints().chainId, nonceFirst: books.nonce(account.address.toLowerCase() as Hex) },
      {
        caller,
        onAcknowledged(transfer) {
          transfers.push(transfer)
          acknowledged++
        },
      },
    ),
  )
  const uploadLanes = accounts
    .slice(TRANSFER_LANES, TRANSFER_LANES + UPLOAD_LANES)
    .map((account, lane) =>
      uploadLane({ account, random: random.fork(`files ${lane}`) }, { caller, onFinalized: (file) => void files.push(file) }),
    )
  const heights = watchHeights(caller)
  const events = await watchEvents(fire.databaseUrl())
  let abandoned = false
  let checked = { transfers: 0, files: 0, segments: 0 }

  async function killAndRecover(plan: RoundPlan): Promise<Recovery> {
    const goal = acknowledged + plan.acknowledgements
    await until(`${plan.acknowledgements} acknowledgements`, () => abandoned || acknowledged >= goal, ROUND_MS)
    await new Promise((resolve) => setTimeout(resolve, plan.delayMs))
    if (plan.strict) caller.gate.close()
    const killed = fire.kill(plan.victim)
    const beforeStart = plan.doctor ? () => requireHealthy(fire.dataDir) : undefined
    const recovery = await fire.recover(killed, beforeStart === undefined ? {} : { beforeStart })
    if (recovery.restarted) await events.reconnect(fire.databaseUrl())
    if (plan.strict) {
      for (const segment of segments.slice(checked.segments)) await requireSegment(caller, segment)
      caller.gate.open()
    }
    return recovery
  }

  /** After the work of the round: everything that was acknowledged since the last time, and the money of all time. */
  async function check(): Promise<void> {
    const fresh = { transfers: transfers.slice(checked.transfers), files: files.slice(checked.files) }
    await until('every acknowledged transaction is mined', async () => {
      await books.read()
      return fresh.transfers.every(({ hash }) => books.hasMined(hash))
    }).catch((error) => {
      const lost = fresh.transfers.filter(({ hash }) => !books.hasMined(hash))
      if (error instanceof BrokenPromise || lost.length === 0) throw error
      const names = lost.map(({ from, nonce, hash }) => `nonce ${nonce} of ${from} (${hash})`)
      throw new BrokenPromise(`acknowledged transactions are not mined: ${names.join(', ')}`)
    })
    await books.requireBalances()
    for (const lane of transferLanes) {
      const mined = books.nonce(lane.address)
      requirePromise(
        mined === lane.nonceNext(),
        () => `${lane.address} signed up to nonce ${lane.nonceNext()}, the chain is at ${mined}`,
      )
    }
    for (const [height, hash] of heights.shown) {
      const stored = books.blockHash(height)
      requirePromise(stored === undefined || stored === hash, () => `block ${height} was shown as ${hash} and is ${stored}`)
    }
    for (const file of fresh.files) {
      requirePromise(books.entryOf(file.root) !== undefined, () => `finalized file ${file.root} has no entry`)
      await requireFile(caller, file)
    }
    await events.requireEvents(fresh.files.map(({ root }) => root))
    checked = { transfers: transfers.length, files: files.length, segments: segments.length }
  }

  return {
    height: heights.highest,
    /** Ends what runs in the background, also after a failure. */
    async abandon() {
      caller.abandon()
      caller.gate.open()
      heights.stop()
      await heights.done.catch(() => {})
      await events.close().catch(() => {})
    },
    async round(plan: RoundPlan): Promise<Recovery> {
      const work = Promise.all([
        ...transferLanes.map((lane) => lane.run(TRANSFERS_PER_ROUND)),
        ...uploadLanes.map((lane) => lane.run(FILES_PER_ROUND)),
      ])
      const recovering = killAndRecover(plan)
      try {
        await Promise.race([Promise.all([recovering, work]), heights.done.then(endedEarly)])
      } catch (error) {
        // Nothing is started any more once this throws.
        abandoned = true
        caller.abandon()
        caller.gate.open()
        await Promise.allSettled([recovering, work])
        throw error
      }
      await check()
      return await recovering
    },
    async close() {
      // Everything of all rounds once more, after the last of them.
      for (const file of files) await requireFile(caller, file)
      const { height } = await books.read()
      await books.requireBalances()
      heights.stop()
      await heights.done
      const { transactions, repeated, failed } = books.totals()
      return {
        transactions,
        transfers: transfers.length,
        files: files.length,
        segments: segments.length,
        events: events.counts(),
        repeatedSubmissions: repeated,
        failedSubmissions: failed,
        height,
        outages: Object.fromEntries(caller.outages),
      }
    },
  }
}

function endedEarly(): never {
  throw new Error('the watch of heights ended before the work')
}

/** Each victim once in random order, then again: every one has its turn, in every order. */
function dealer(victims: readonly Victim[], random: Prng): () => Victim {
  let deck: Victim[] = []
  return () => {
    if (deck.length === 0) deck = random.shuffle(victims)
    return deck.pop() as Victim // the deck was just filled
  }
}

/** Every stored record and segment of a stopped devnet, and its chains block by block. */
async function requireHealthy(dataDir: string): Promise<void> {
  const doctor = await zerog(['doctor', '--deep', '--json', '--data-dir', dataDir])
  const checks = doctor.json().data.checks as { name: string; state: string; detail: string }[]
  const failed = checks.filter(({ name, state }) => state === 'failed' && !LIVE_CHECKS.has(name))
  requirePromise(
    failed.length === 0,
    () => `the doctor found: ${failed.map(({ name, detail }) => `${name}: ${detail}`).join('; ')}`,
  )
  requirePromise(
    checks.some(({ name }) => name.endsWith('as a chain')),
    () => 'the doctor looked at no chain',
  )
}

/** After a SIGKILL the files of a running devnet are still there; that is what these two tell. */
const LIVE_CHECKS: ReadonlySet<string> = new Set(['devnet processes', 'gateway'])
