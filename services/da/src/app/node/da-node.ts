import { assignRows, createWindow, type Statement, WINDOW_BUNDLES_MAX, windowMessage } from '@zerog/availability'
import type { RowProof } from '@zerog/erasure'
import type { BlobStore, Clock, Kv, Logger, Meter } from '@zerog/ports'
import { type Budget, budget, equalBytes, fromHex, toHex, ZerogError } from '@zerog/primitives'
import { holdingText, sameContent } from '../../core/node/holding-key.ts'
import { type Manifest, packLayout } from '../../core/node/manifest.ts'
import { checkEquivocation, checkPromise, memberOf, refuse } from '../../core/node/promise-rules.ts'
import {
  HOLDINGS_MAX,
  JOB_BATCH_MAX,
  PACK_BYTES_MAX,
  PACKS_IN_MEMORY,
  PUT_BYTES_IN_FLIGHT_MAX,
  PUT_QUEUE_MAX,
} from '../../limits.ts'
import type { Committees } from '../committees.ts'
import type { RowChecker } from '../row-checker.ts'
import { type StepTraces, traced } from '../traced.ts'
import { nodeMetrics } from './metrics.ts'
import { promises } from './promises.ts'
import { type PutHeader, putRows, type SentRow } from './put-rows.ts'
import { openRowStore, type RowStore } from './row-store.ts'
import type { WindowSigner } from './window-signer.ts'

export type DaNodeOptions = {
  readonly chainId: bigint
  /** Bytes that this node offers for rows. */
  readonly capacityBytes: number
  readonly retentionSecondsMax: number
}

export type DaNodeDeps = {
  readonly blobs: BlobStore
  readonly kv: Kv
  readonly clock: Clock
  readonly logger: Logger
  readonly meter: Meter
  readonly committees: Committees
  readonly checker: RowChecker
  readonly signer: WindowSigner
  /** Bytes that the disk under the rows still takes. */
  readonly diskFreeBytes: () => number
  readonly traces?: StepTraces
}

export type NodeStats = {
  readonly key: Uint8Array
  readonly capacityBytes: number
  readonly usedBytes: number
  readonly bundleCount: number
  readonly rowCount: number
  readonly damagedCount: number
}

/** A member of committees: keeps the rows that are dealt to it, and signs for nothing else. */
export type DaNode = {
  /**
   * Durable when it resolves: how many rows are here for the bundle. The same bundle again changes nothing.
   * @throws ZerogError INVALID_ARGUMENT, PROOF_INVALID, ENCODING_INVALID with the `check`; DISK_FULL before anything is written;
   *   QUEUE_FULL, NOT_FOUND (committee), DEPENDENCY_UNAVAILABLE (chain)
   */
  put(header: PutHeader, batches: AsyncIterable<readonly SentRow[]>, signal: AbortSignal): Promise<number>
  /** The same for a bundle that is promised and damaged, however old its epoch: `rowsFor` is asked for exactly its rows. */
  refill(
    header: PutHeader,
    rowsFor: (indexes: Uint32Array) => AsyncIterable<readonly SentRow[]>,
    signal: AbortSignal,
  ): Promise<number>
  /** The signature over a window whose every bundle is durable here. WRONG_STATE with the first commitment that is not. */
  sign(statements: readonly Statement[]): Promise<Uint8Array>
  /** Those of `indexes` (absent: all) that are here. NOT_FOUND, BUNDLE_EXPIRED where nothing of the commitment is. */
  rows(commitment: Uint8Array, indexes: readonly number[] | undefined, signal: AbortSignal): AsyncGenerator<readonly RowProof[]>
  /** What rows of a commitment are checked with. NOT_FOUND, BUNDLE_EXPIRED. */
  code(commitment: Uint8Array): Promise<{ readonly bundle: Statement } & Pick<Manifest, 'rlc' | 'rowRoot'>>
  stats(): NodeStats
  /** Ends promises whose time has passed. */
  prune(): Promise<number>
  /** Reads everything back, and looks for what was signed and is gone. Returns how many damages it found. */
  scrub(signal: AbortSignal): Promise<number>
  /** What is promised and cannot be read here, until it is refilled by `put`. */
  damaged(): readonly Statement[]
  /** Waits for what runs. */
  idle(): Promise<void>
}

export async function createDaNode(options: DaNodeOptions, deps: DaNodeDeps): Promise<DaNode> {
  const { clock, committees, signer } = deps
  const store = await openRowStore(deps)
  const notes = promises(deps.kv)
  const metrics = nodeMetrics(deps.meter)
  const memory = budget({ max: PUT_BYTES_IN_FLIGHT_MAX, queueMax: PUT_QUEUE_MAX })
  const space = reservations(options, { store, diskFreeBytes: deps.diskFreeBytes })
  const turns = createTurns()
  /** Signed and lost with its index; a scrub found them. */
  const lost = new Map<string, Statement>()
  const nowSeconds = () => BigInt(Math.floor(clock.nowMs() / 1000))

  /** Rows that are assigned to this member. */
  async function admit(statement: Statement, refilled: boolean): Promise<Uint32Array> {
    const [committee, newest] = await Promise.all([committees.committeeOf(statement), committees.current()])
    const { retentionSecondsMax } = options
    const epochNewest = refilled ? statement.epoch : newest.epoch
    checkPromise(statement, committee, { nowSeconds: nowSeconds(), retentionSecondsMax, epochNewest })
    const member = memberOf(committee, signer.key)
    return assignRows(committee, statement).rows(member)
  }

  type Incoming = {
    readonly expected: Uint32Array
    readonly batches: AsyncIterable<readonly SentRow[]>
    readonly signal: AbortSignal
  }

  async function storeBundle(header: PutHeader, { expected, batches, signal }: Incoming): Promise<number> {
    const { bundle } = header
    const held = store.holdings.find(bundle)
    checkEquivocation(bundle, store.holdings.ofCommitment(bundle.commitment))
    if (held !== undefined && !held.damaged) {
      if (!held.expiries.has(bundle.expiry)) await store.promise(bundle, held)
      return expected.length
    }
    const bytes = expected.length * packLayout(bundle).strideBytes
    const giveSpaceBack = space.take(bytes)
    try {
      await withMemory(memory, { bytes, signal }, () =>
        putRows(header, batches, {
          expected,
          checker: deps.checker,
          writer: store.writer(bundle),
          signal,
          traces: deps.traces,
        }),
      )
    } finally {
      giveSpaceBack()
    }
    lost.delete(lostKey(bundle))
    return expected.length
  }

  const generationOf = (bundle: Statement) => store.holdings.find(bundle)?.generation ?? 0

  function absent(commitment: Uint8Array): ZerogError {
    const metadata = { commitment: toHex(commitment) }
    const expiry = notes.expiredAt(commitment)
    if (expiry === undefined) return new ZerogError('NOT_FOUND', { message: 'no rows of this commitment are here', metadata })
    return new ZerogError('BUNDLE_EXPIRED', {
      message: `rows of this commitment were kept until ${expiry} (seconds since 1970) and are gone`,
      metadata: { ...metadata, expiry: String(expiry) },
    })
  }

  return {
    async put(header, batches, signal) {
      const startedMs = clock.monotonicMs()
      try {
        const expected = await admit(header.bundle, false)
        const generation = generationOf(header.bundle)
        const count = await turns.take(holdingText(header.bundle), () => storeBundle(header, { expected, batches, signal }))
        const isNew = generationOf(header.bundle) !== generation
        if (isNew) metrics.stored(count, count * packLayout(header.bundle).strideBytes, (clock.monotonicMs() - startedMs) / 1000)
        return count
      } catch (error) {
        if (!signal.aborted) metrics.refused(error)
        throw error
      }
    },
    async refill(header, rowsFor, signal) {
      const expected = await admit(header.bundle, true)
      const batches = rowsFor(expected)
      return turns.take(holdingText(header.bundle), () => storeBundle(header, { expected, batches, signal }))
    },
    async sign(statements) {
      const first = statements[0]
      if (first === undefined || statements.length > WINDOW_BUNDLES_MAX) {
        throw refuse('form', `a window has 1 to ${WINDOW_BUNDLES_MAX} bundles, not ${statements.length}`)
      }
      const committee = await committees.committeeOf(first)
      memberOf(committee, signer.key)
      const newest = await committees.current()
      for (const statement of statements) {
        const limits = { nowSeconds: nowSeconds(), retentionSecondsMax: options.retentionSecondsMax, epochNewest: newest.epoch }
        checkPromise(statement, committee, limits)
        requireHeld(statement, store)
      }
      if (new Set(statements.map(({ commitment }) => toHex(commitment))).size < statements.length)
        throw refuse('form', 'a window names each bundle once')
      notes.remember(statements)
      notes.flush().catch((error) => deps.logger.warn('promises_not_flushed', { error: String(error) }))
      metrics.signed(statements.length)
      const message = windowMessage(createWindow(statements, committee, options.chainId))
      return traced(deps.traces, 'sign', async () => signer.sign(message))
    },
    async *rows(commitment, indexes, signal) {
      if (store.holdings.ofCommitment(commitment).length === 0) throw absent(commitment)
      yield* store.rows(commitment, indexes, signal)
    },
    async code(commitment) {
      const held = store.holdings.ofCommitment(commitment)
      let failure: unknown = absent(commitment)
      for (const each of held) {
        try {
          const { rlc, rowRoot } = await store.manifest(each)
          return { bundle: { ...each.bundle, expiry: latest(each.expiries) }, rlc, rowRoot }
        } catch (error) {
          failure = error
        }
      }
      throw failure
    },
    stats() {
      const damagedCount = store.holdings.damaged().length + lost.size
      return {
        key: signer.key,
        capacityBytes: options.capacityBytes,
        usedBytes: store.usedBytes(),
        bundleCount: store.holdings.count(),
        rowCount: store.holdings.rowCount(),
        damagedCount,
      }
    },
    async prune() {
      const now = nowSeconds()
      const ended = store.holdings.expired(now, JOB_BATCH_MAX)
      for (const bundle of ended) {
        await turns.take(holdingText(bundle), () => store.release(bundle))
        notes.end(bundle, now)
      }
      for (const [key, bundle] of lost) if (bundle.expiry <= now) lost.delete(key)
      if (ended.length > 0) await notes.flush()
      metrics.pruned(ended.length)
      return ended.length
    },
    async scrub(signal) {
      let found = await store.scrub(signal)
      const now = nowSeconds()
      const gone: Statement[] = []
      for (const bundle of notes.all()) {
        if (bundle.expiry <= now) gone.push(bundle)
        else if (lost.size < JOB_BATCH_MAX && store.holdings.find(bundle)?.expiries.has(bundle.expiry) !== true) {
          found++
          lost.set(lostKey(bundle), bundle)
          deps.logger.warn('rows_lost', { commitment: toHex(bundle.commitment), epoch: bundle.epoch })
        }
      }
      for (const bundle of gone) if (store.holdings.find(bundle) === undefined) notes.end(bundle, now)
      metrics.damaged(found)
      return found
    },
    damaged() {
      const marked = store.holdings.damaged().map((held) => ({ ...held.bundle, expiry: latest(held.expiries) }))
      return [...marked, ...lost.values()]
    },
    idle: () => turns.idle(),
  }
}

/** The account that a key is registered for in the present committee, 20 bytes; empty where there is none. */
export async function addressOf(key: Uint8Array, committees: Committees): Promise<Uint8Array> {
  const committee = await committees.current().catch(() => undefined)
  const member = committee?.members.find((each) => equalBytes(each.key, key))
  return member === undefined ? new Uint8Array() : fromHex(member.address, 20)
}

/** @throws ZerogError WRONG_STATE */
function requireHeld(statement: Statement, store: RowStore): void {
  const held = store.holdings.find(statement)
  if (held !== undefined) checkEquivocation(statement, [held])
  if (held !== undefined && !held.damaged && held.expiries.has(statement.expiry) && sameContent(held.bundle, statement)) return
  throw new ZerogError('WRONG_STATE', {
    message: `the rows of ${toHex(statement.commitment)} are not durable here until ${statement.expiry}, so nothing is signed; send them by PutRows first`,
    metadata: { commitment: toHex(statement.commitment), epoch: String(statement.epoch) },
  })
}

/** Room that is given to rows on their way, so that two PutRows do not both take the last of it. */
function reservations(
  { capacityBytes }: Pick<DaNodeOptions, 'capacityBytes'>,
  { store, diskFreeBytes }: { readonly store: RowStore; readonly diskFreeBytes: () => number },
) {
  let reserved = 0
  return {
    /** @throws ZerogError DISK_FULL */
    take(bytes: number): () => void {
      const room = Math.min(capacityBytes - store.usedBytes(), diskFreeBytes()) - reserved
      if (bytes > room || store.holdings.count() >= HOLDINGS_MAX) {
        throw new ZerogError('DISK_FULL', {
          message: `this member has no room for ${bytes} bytes of rows; it goes on serving what it holds. Raise capacityBytes or free the disk`,
          metadata: { capacityBytes: String(capacityBytes), roomBytes: String(Math.max(0, room)), check: 'capacity' },
        })
      }
      reserved += bytes
      return () => {
        reserved -= bytes
      }
    },
  }
}

async function withMemory<T>(
  memory: Budget,
  { bytes, signal }: { readonly bytes: number; readonly signal: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  const giveBack = await memory.take(Math.min(bytes, PACKS_IN_MEMORY * PACK_BYTES_MAX), signal)
  try {
    return await work()
  } finally {
    giveBack()
  }
}

/** One after the other for each name. */
function createTurns() {
  const running = new Map<string, Promise<unknown>>()
  return {
    async take<T>(name: string, work: () => Promise<T>): Promise<T> {
      const before = running.get(name)
      const mine = (before ?? Promise.resolve()).catch(() => {}).then(work)
      running.set(name, mine)
      try {
        return await mine
      } finally {
        if (running.get(name) === mine) running.delete(name)
      }
    },
    async idle(): Promise<void> {
      await Promise.allSettled(running.values())
    },
  }
}

function latest(expiries: ReadonlySet<bigint>): bigint {
  return [...expiries].reduce((best, expiry) => (expiry > best ? expiry : best), 0n)
}

function lostKey(bundle: Statement): string {
  return `${holdingText(bundle)}/${bundle.expiry}`
}
