import { developmentAccounts } from '@zerog/contracts'
import type { Prng } from '@zerog/sim'
import type { Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { until } from '../../e2e/devnet.ts'
import { openBooks } from './books.ts'
import { BrokenPromise, createCaller, requirePromise } from './caller.ts'
import { requireHealthy } from './doctor.ts'
import type { DevnetUnderFire, Recovery, Victim } from './fire.ts'
import { type AcknowledgedTransfer, transferLane } from './transfers.ts'
import { type AcknowledgedSegment, requireFile, requireSegment, type StoredFile, segmentsOf, uploadLane } from './uploads.ts'
import { watchEvents, watchHeights } from './watch.ts'

/** Accounts that work at the same time. */
export const LANES = { transfers: 3, files: 2 } as const
/** Of each lane in each round. */
export type Amount = { readonly transfers: number; readonly files: number }

const ROUND_MS = 240_000

type RoundPlan = {
  readonly victim: Victim
  readonly acknowledgements: number
  readonly delayMs: number
  readonly strict: boolean
  readonly doctor: boolean
}

export type Workload = Awaited<ReturnType<typeof openWorkload>>

/** Everything that happens to a devnet under fire, and what was acknowledged to whom. */
export async function openWorkload(fire: DevnetUnderFire, random: Prng, amount: Amount) {
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
  const senders = new Set(accounts.slice(0, LANES.transfers + LANES.files).map(({ address }) => address.toLowerCase() as Hex))
  const transferLanes = accounts.slice(0, LANES.transfers).map((account, lane) =>
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
    .slice(LANES.transfers, LANES.transfers + LANES.files)
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
    const killed = await fire.kill(plan.victim)
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
        ...transferLanes.map((lane) => lane.run(amount.transfers)),
        ...uploadLanes.map((lane) => lane.run(amount.files)),
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
      const { transactions, repeated, failed } = books.totals(senders)
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
