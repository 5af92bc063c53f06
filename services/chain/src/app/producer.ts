import { nextRandomness } from '@zerog/consensus'
import {
  type BlockEnvironment,
  type Executor,
  type Header,
  nextBaseFee,
  type Refusal,
  recoverAuthority,
  type SenderRecovery,
  type Transaction,
} from '@zerog/evm'
import type { Cancel, Clock, Logger } from '@zerog/ports'
import { fromHex, type Hex, toHex } from '@zerog/primitives'
import { nextTimestampMs, secondsOf } from '../core/timing.ts'
import type { ChainBlock } from './block-store.ts'
import type { Ledger } from './ledger.ts'
import { type Crypto, leaderSlot, type Network } from './network.ts'
import type { Pool } from './pool.ts'
import type { Voting } from './voting.ts'

export type Sealing =
  /** A block as soon as something can be executed; what arrives meanwhile goes into the next one. */
  | { readonly kind: 'demand' }
  /** A block every `blockTimeMs`, also an empty one. */
  | { readonly kind: 'interval'; readonly blockTimeMs: number }
  | { readonly kind: 'manual' }

export type ProducerDeps = {
  readonly ledger: Ledger
  readonly pool: Pool
  readonly voting: Voting
  readonly executor: Executor
  readonly crypto: Crypto
  readonly clock: Clock
  readonly logger: Logger
  /** Batches whose senders are being recovered: a block waits a little for them. */
  readonly arrivals: Pick<SenderRecovery, 'busy' | 'idle'>
  readonly onSealed?: (block: ChainBlock, durationMs: number) => void
  readonly fatal: (error: unknown) => void
}

/** Longest that a block on demand waits for transactions that are on their way into the pool. */
const GATHER_MS_MAX = 50

/** Longest that an answer waits for one block's sync, before it asks for its own: contracts may run for seconds. */
const UNDERWAY_MS_MAX = 200

export type Producer = ReturnType<typeof createProducer>

/** The single leader: builds on its head, has its voter finalize the block and extends the ledger, one block at a time. */
export function createProducer(options: { readonly network: Network; readonly sealing: Sealing }, deps: ProducerDeps) {
  const { network } = options
  const { ledger, pool, voting, executor, crypto, clock, logger } = deps
  let { sealing } = options
  let working: Promise<unknown> = Promise.resolve()
  let kicked = false
  let stopped = false
  let timer: Cancel | undefined
  let dueMs = clock.monotonicMs()
  /** Development: added to the clock. */
  let offsetMs = 0
  let forcedMs: number | undefined

  const nowMs = (): number => clock.nowMs() + offsetMs
  const environmentOn = (parent: ChainBlock): { environment: BlockEnvironment; signature: Uint8Array; timestampMs: number } => {
    const signature = voting.leaderSignature(parent.header.height + 1n)
    const timestampMs = nextTimestampMs(parent.timestampMs, nowMs(), forcedMs)
    const prevRandao = toHex(nextRandomness(fromHex(parent.header.prevRandao), signature, crypto.sha256))
    return { signature, timestampMs, environment: childEnvironment(network, parent, { timestampMs, prevRandao }) }
  }

  /** Builds and publishes one block; undefined if it would be empty and must not be. */
  const sealOne = async (emptyToo: boolean): Promise<ChainBlock | undefined> => {
    const startedMs = clock.monotonicMs()
    const parent = ledger.head()
    const { environment, signature, timestampMs } = environmentOn(parent)
    const candidates = pool.candidates(environment.baseFeePerGas)
    const { block, refusals } = await executor.build({ parent: parent.header, environment, candidates })
    const dropped = refusals.filter(isHopeless).map(({ transaction }) => transaction.hash)
    for (const { transaction, reason, message } of refusals) {
      logger.debug('transaction_refused', { hash: transaction.hash, reason, message })
    }
    const touched = new Set<Hex>(
      [...block.transactions, ...refusals.map(({ transaction }) => transaction)].map(({ from }) => from),
    )
    for (const authority of authorities(block.transactions)) touched.add(authority)
    if (block.transactions.length === 0 && !emptyToo) {
      const change = await pool.prepare(parent.header, touched, dropped, [])
      change.apply()
      return undefined
    }
    const included = block.transactions.map(({ hash }) => hash)
    const change = await pool.prepare(block.header, touched, dropped, included)
    const { epoch, view } = leaderSlot(network, environment.height).slot
    const payload = { timestampMs, leaderSignature: signature, epoch, view, certificate: voting.decide(block) }
    const sealed = await ledger.extend(block, payload, { writes: change.writes, beforeShow: change.apply }).catch(doomed)
    forcedMs = undefined
    // Not on the path of the next block: while nothing is to be done it is ready before it is needed.
    clock.after(0, () => voting.leaderSignature(sealed.header.height + 1n))
    deps.onSealed?.(sealed, clock.monotonicMs() - startedMs)
    return sealed
  }

  /** The voter has voted on what the disk may not have: only a restart tells, whoever asked for the block. */
  const doomed = (error: unknown): never => {
    deps.fatal(error)
    throw error
  }

  /** One at a time, in order of asking. A failure here is ours or the disk's: the node stops. */
  const exclusively = <T>(work: () => Promise<T>): Promise<T> => {
    const next = working.then(work)
    working = next.catch(() => undefined)
    return next
  }

  /**
   * Under load a block costs the same for one batch as for all that wait: hashing the upper trie, signatures, a sync. Single
   * transactions are recovered at once, so a chain without load never waits here.
   */
  const gathered = async (): Promise<void> => {
    if (deps.arrivals.busy > 0) await atMost(GATHER_MS_MAX, deps.arrivals.idle())
  }
  /** Waits for what never rejects, but not longer. */
  const atMost = async (limitMs: number, work: Promise<unknown>): Promise<void> => {
    let stop: Cancel = () => undefined
    const late = new Promise<void>((resolve) => {
      stop = clock.after(limitMs, resolve)
    })
    await Promise.race([work, late])
    stop()
  }

  let underway: Promise<unknown> | undefined
  const drainPool = async (): Promise<void> => {
    while (!stopped && sealing.kind === 'demand' && pool.executable(nextBaseFee(ledger.head().header, network.baseFee))) {
      kicked = false
      const round = gathered().then(() => exclusively(() => sealOne(false)))
      underway = round
      const sealed = await round
      // Nothing could be included: only a new transaction or block changes that.
      if (sealed === undefined) break
    }
  }
  let draining = false
  const kick = (): void => {
    kicked = true
    if (draining || sealing.kind !== 'demand' || stopped) return
    draining = true
    drainPool()
      .catch(deps.fatal)
      .finally(() => {
        draining = false
        underway = undefined
        if (kicked && !stopped) queueMicrotask(recheck)
      })
  }
  /** Something arrived while the last round was ending. */
  const recheck = (): void => {
    kicked = false
    if (pool.executable(nextBaseFee(ledger.head().header, network.baseFee))) kick()
  }

  const arm = (): void => {
    timer?.()
    timer = undefined
    if (sealing.kind !== 'interval' || stopped) return
    const { blockTimeMs } = sealing
    // The next block is due `blockTimeMs` after this one was, however long sealing took.
    dueMs = Math.max(dueMs, clock.monotonicMs() - blockTimeMs) + blockTimeMs
    timer = clock.after(Math.max(0, dueMs - clock.monotonicMs()), () => {
      exclusively(() => sealOne(true)).then(arm, deps.fatal)
    })
  }

  const unsubscribe = pool.onWork(kick)
  arm()
  kick()

  return {
    exclusively,
    sealOne,
    /**
     * On demand: settles with the block that what waits goes into, or the one before it, and before that where it takes long. Its failure
     * stops the node.
     */
    underway: (): Promise<void> | undefined =>
      underway &&
      atMost(
        UNDERWAY_MS_MAX,
        underway.catch(() => undefined),
      ),
    pendingEnvironment: (parent: ChainBlock): BlockEnvironment => environmentOn(parent).environment,
    sealing: (): Sealing => sealing,
    setSealing: (next: Sealing): void => {
      sealing = next
      arm()
      kick()
    },
    shiftClock: (seconds: bigint): bigint => {
      offsetMs += Number(seconds) * 1000
      return BigInt(Math.floor(offsetMs / 1000))
    },
    clockOffsetMs: (): number => offsetMs,
    setClockOffsetMs: (ms: number): void => {
      offsetMs = ms
    },
    forceTimestamp: (seconds: bigint): void => {
      forcedMs = Number(seconds) * 1000
      // Later blocks go on from there.
      offsetMs = forcedMs - clock.nowMs()
    },
    /** Takes no further work and waits for the block that is being made. */
    stop: async (): Promise<void> => {
      stopped = true
      unsubscribe()
      timer?.()
      await working
    },
  }
}

/** What the block after `parent` executes in. */
export function childEnvironment(
  network: Network,
  parent: { readonly header: Header; readonly hash: Hex },
  own: { readonly timestampMs: number; readonly prevRandao: Hex },
): BlockEnvironment {
  return {
    height: parent.header.height + 1n,
    parentHash: parent.hash,
    timestampSeconds: secondsOf(own.timestampMs),
    gasLimit: parent.header.gasLimit,
    baseFeePerGas: nextBaseFee(parent.header, network.baseFee),
    beneficiary: network.beneficiary,
    prevRandao: own.prevRandao,
    extraData: parent.header.extraData,
  }
}

/** Refusals that waiting does not cure. */
function isHopeless({ reason }: Refusal): boolean {
  return reason === 'nonce_too_low' || reason === 'insufficient_funds' || reason === 'invalid'
}

/** An authorization moves its authority's nonce without a transaction of that account (EIP-7702). */
function authorities(transactions: readonly Transaction[]): Hex[] {
  const tuples = transactions.flatMap(({ authorizationList }) => authorizationList ?? [])
  return tuples.map(recoverAuthority).filter((authority) => authority !== undefined)
}
