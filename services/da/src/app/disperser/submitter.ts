import { decodeCertificate } from '@zerog/availability'
import type { ChainClient, Clock, Logger, Random } from '@zerog/ports'
import { fromHex, type Hex, toHex, ZerogError } from '@zerog/primitives'
import {
  SUBMIT_IDLE_MS,
  SUBMIT_RETRY_FIRST_MS,
  SUBMIT_RETRY_MAX_MS,
  TRANSACTION_GAS_MAX,
  TRANSACTION_REPLACE_MS,
  TRANSACTION_WINDOWS_MAX,
} from '../../core/disperser/limits.ts'
import type { Changes } from './changes.ts'
import type { Account, Entrance } from './entrance.ts'
import type { EpochKeeper } from './epoch-keeper.ts'
import type { DisperserMetrics } from './metrics.ts'
import type { DisperserRepository, Fence, FinalBundle, PendingTransaction, WindowRecord } from './repository.ts'

export type SubmitterDeps = {
  readonly repository: DisperserRepository
  readonly chain: ChainClient
  readonly entrance: Entrance
  readonly account: Account
  readonly epochs: Pick<EpochKeeper, 'take' | 'encode'>
  readonly changes: Changes
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: DisperserMetrics
}

/** First block to look at where nothing was followed before. */
export type SubmitterOptions = { readonly heightFirst: bigint; readonly tipPerGas: bigint }

/**
 * One account, one transaction at a time: what is certified meanwhile goes into the next one. Every transaction is kept before it is
 * sent, and sent again until its nonce is used up, so a crash neither loses nor doubles one. The chain's own events, from finalized blocks
 * only, tell what is final.
 */
export function createSubmitter(options: SubmitterOptions, deps: SubmitterDeps) {
  const { repository, entrance, account, clock, logger, metrics } = deps
  let wake = () => {}
  let poked = false
  let followed = -1n

  const poke = (): void => {
    poked = true
    wake()
  }

  async function follow(fence: Fence, signal: AbortSignal): Promise<void> {
    const fromHeight = (await repository.nextHeight()) ?? options.heightFirst
    followed = fromHeight - 1n
    for await (const block of deps.chain.watch({ fromHeight, filter: entrance.filter, signal })) {
      const windows = block.logs.flatMap((log) => {
        const window = entrance.read(log)
        return window === undefined ? [] : [{ ...window, transactionHash: fromHex(log.transactionHash) }]
      })
      // Blocks without news are only counted: after a restart they are looked at again.
      if (windows.length > 0) {
        const atMs = clock.nowMs()
        tellFinal(await repository.applyBlock(fence, { nextHeight: block.height + 1n, windows, atMs }), atMs)
      }
      followed = block.height
      poke()
    }
  }

  function tellFinal(bundles: readonly FinalBundle[], atMs: number): void {
    for (const { certifiedAtMs } of bundles) metrics.timeToFinal.observe((atMs - certifiedAtMs) / 1000)
    announce(bundles)
  }

  function announce(bundles: readonly { readonly id: string; readonly owner: number }[]): void {
    for (const owner of new Set(bundles.map((bundle) => bundle.owner))) {
      deps.changes.announce({ owner, bundleIds: bundles.filter((bundle) => bundle.owner === owner).map(({ id }) => id) })
    }
  }

  /** Does what can be done now; answers how long nothing else is to be done. */
  async function round(fence: Fence): Promise<number> {
    const pending = await repository.pendingTransaction()
    if (pending !== undefined) return settleOrResend(pending, fence)
    if (await deps.epochs.take()) {
      await beginEpoch(fence)
      return 0
    }
    const { windows, nextAtMs } = await repository.submittable(clock.nowMs(), TRANSACTION_WINDOWS_MAX)
    if (windows.length > 0) {
      await submit(windows, fence)
      return 0
    }
    return nextAtMs === undefined ? SUBMIT_IDLE_MS : Math.max(0, nextAtMs - clock.nowMs())
  }

  async function settleOrResend(pending: PendingTransaction, fence: Fence): Promise<number> {
    if ((await account.nonce()) <= pending.nonce) {
      const ageMs = clock.nowMs() - pending.sentAtMs
      await (ageMs < TRANSACTION_REPLACE_MS ? send(pending.raw) : replace(pending, fence))
      return SUBMIT_RETRY_FIRST_MS
    }
    const receipt = await account.receipt(pending.hash)
    // Events first: only what they leave open failed.
    if (receipt !== undefined && receipt.height > followed) return SUBMIT_RETRY_FIRST_MS
    if (receipt !== undefined) metrics.gas.add(Number(receipt.gasUsed))
    metrics.transactions.add(1, { outcome: receipt === undefined ? 'replaced' : receipt.succeeded ? 'succeeded' : 'reverted' })
    const retryAtMs = receipt?.succeeded === true ? 0 : clock.nowMs() + SUBMIT_RETRY_FIRST_MS
    await repository.settleTransaction(fence, { nonce: pending.nonce, gasUsed: receipt?.gasUsed, retryAtMs })
    return 0
  }

  async function replace(pending: PendingTransaction, fence: Fence): Promise<void> {
    const feeAtLeast = (pending.feePerGas * 5n) / 4n + 1n
    if (pending.windowIds.length === 0) return beginEpoch(fence, { nonce: pending.nonce, feeAtLeast })
    const windows = await repository.windowsOf(pending.windowIds)
    if (windows.length === 0) return send(pending.raw)
    // Its nonce must be used up, whatever the contract thinks of its windows by now: those that it refuses are sorted out afterwards.
    await signAndSend({ windows, nonce: pending.nonce, feeAtLeast, unasked: true }, fence)
  }

  /** A transaction without windows. Where the contract refuses it by now, nothing is sent, and one that is replaced goes out as it was. */
  async function beginEpoch(fence: Fence, replaced?: { readonly nonce: number; readonly feeAtLeast: bigint }): Promise<void> {
    const call = deps.epochs.encode()
    let gas: bigint
    try {
      gas = await account.estimateGas(call)
    } catch (error) {
      logger.warn('epoch_refused', { error: String(error) })
      const pending = await repository.pendingTransaction()
      if (pending !== undefined) await send(pending.raw)
      return
    }
    const { nonce, feeAtLeast } = replaced ?? { nonce: await account.nonce(), feeAtLeast: 0n }
    await keepAndSend({ call: { ...call, gas }, nonce, feeAtLeast, windowIds: [] }, fence)
    logger.info('epoch_begun', { nonce })
  }

  async function submit(windows: readonly WindowRecord[], fence: Fence): Promise<void> {
    const open: WindowRecord[] = []
    for (const window of windows) if (!(await isKnown(window, fence))) open.push(window)
    if (open.length === 0) return
    try {
      await signAndSend({ windows: open, nonce: await account.nonce(), feeAtLeast: 0n }, fence)
    } catch (error) {
      if (!(error instanceof ZerogError) || error.reason !== 'TRANSACTION_REFUSED') throw error
      if (open.length > 1) {
        // One bad window must not hold the others.
        for (const half of [open.slice(0, open.length >> 1), open.slice(open.length >> 1)]) {
          if ((await repository.pendingTransaction()) === undefined) await submit(half, fence)
        }
        return
      }
      const [window] = open
      if (window === undefined) return
      metrics.transactions.add(1, { outcome: 'refused' })
      const words = entrance.neverTaken(error)
      if (words !== undefined) return abandon(window, words, fence)
      const pauseMs = Math.min(SUBMIT_RETRY_FIRST_MS * 2 ** Math.min(window.attempts, 20), SUBMIT_RETRY_MAX_MS)
      const { message, metadata } = error
      logger.warn('certificate_refused', { windowId: window.id, attempts: window.attempts, error: message, ...metadata })
      await repository.postponeWindow(fence, window.id, clock.nowMs() + pauseMs)
    }
  }

  /** Time has run out for it. Its bytes may be dispersed again; whoever waits is told so. */
  async function abandon({ id, statements }: WindowRecord, words: string, fence: Fence): Promise<void> {
    const message = `the contract takes this certificate no more: ${words}; disperse the bytes again, under a new idempotency key`
    const lost = await repository.abandonWindow(fence, id, { reason: 'CERTIFICATE_TOO_LATE', message })
    const commitments = statements.map(({ commitment }) => toHex(commitment))
    logger.error('certificate_given_up', { windowId: id, bundles: lost.length, refusal: words, commitments })
    metrics.failures.add(lost.length, { reason: 'CERTIFICATE_TOO_LATE' })
    announce(lost)
  }

  /** Bundles of the same bytes have one commitment: after the first certificate the contract passes the others over without an event. */
  async function isKnown(window: WindowRecord, fence: Fence): Promise<boolean> {
    if (window.attempts === 0) return false
    for (const statement of window.statements) if ((await entrance.expiryOf(statement)) < statement.expiry) return false
    const atMs = clock.nowMs()
    tellFinal(
      await repository.finalizeWindow(fence, {
        windowId: window.id,
        transactionHash: window.transactionHash ?? new Uint8Array(32),
        atMs,
      }),
      atMs,
    )
    return true
  }

  async function signAndSend(
    given: {
      readonly windows: readonly WindowRecord[]
      readonly nonce: number
      readonly feeAtLeast: bigint
      readonly unasked?: boolean
    },
    fence: Fence,
  ): Promise<void> {
    const { windows, nonce, feeAtLeast, unasked = false } = given
    const certified = windows.map(({ certificate, statements }) => ({ certificate: decodeCertificate(certificate), statements }))
    const { data, gas } = entrance.encode(certified)
    if (gas > TRANSACTION_GAS_MAX && windows.length > 1) {
      return signAndSend({ ...given, windows: windows.slice(0, windows.length >> 1) }, fence)
    }
    // Certificates were verified, so only what failed once is asked about first. (While nothing happens on a chain, its last block's
    // time is old, and what is right now would be refused then.)
    if (!unasked && windows.some(({ attempts }) => attempts > 0)) await account.estimateGas({ to: entrance.address, data })
    const call = { to: entrance.address, data, gas }
    await keepAndSend({ call, nonce, feeAtLeast, windowIds: windows.map(({ id }) => id) }, fence)
  }

  /** Kept before it is sent, so that a crash does not double it. */
  async function keepAndSend(
    {
      call,
      nonce,
      feeAtLeast,
      windowIds,
    }: {
      readonly call: { readonly to: Hex; readonly data: Hex; readonly gas: bigint }
      readonly nonce: number
      readonly feeAtLeast: bigint
      readonly windowIds: readonly string[]
    },
    fence: Fence,
  ): Promise<void> {
    const { tipPerGas } = options
    const wanted = 2n * (await account.baseFee()) + tipPerGas
    const feePerGas = wanted > feeAtLeast ? wanted : feeAtLeast
    const tip = feeAtLeast > 0n && feePerGas === feeAtLeast ? feePerGas : tipPerGas
    const { raw, hash } = await account.sign({ ...call, nonce, gas: (call.gas * 5n) / 4n, feePerGas, tipPerGas: tip })
    await repository.saveTransaction(fence, { nonce, raw, hash, sentAtMs: clock.nowMs(), feePerGas, windowIds })
    await send(raw)
  }

  async function send(raw: Uint8Array): Promise<void> {
    await account.send(raw).catch((error) => logger.warn('transaction_not_taken', { error: String(error) }))
  }

  /** Until `signal` aborts; throws where the chain or the repository fails for good, or a write is fenced. */
  async function run(fence: Fence, outer: AbortSignal): Promise<void> {
    const ended = new AbortController()
    const signal = AbortSignal.any([outer, ended.signal])
    await repository.takeFence(fence)
    const following = follow(fence, signal)
    following.catch((error) => ended.abort(error))
    try {
      while (!signal.aborted) {
        poked = false
        let pauseMs = SUBMIT_RETRY_FIRST_MS
        try {
          pauseMs = await round(fence)
        } catch (error) {
          if (signal.aborted || (error instanceof ZerogError && error.reason === 'FENCED')) throw error
          logger.warn('submission_failed', { error: String(error) })
        }
        if (!poked && pauseMs > 0) await pause(pauseMs, signal)
      }
    } finally {
      ended.abort(new Error('the run has ended'))
      await following.catch(() => {})
    }
    if (!outer.aborted) throw ended.signal.reason
  }

  async function pause(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    wake = () => woken.abort()
    await clock.sleep(ms, AbortSignal.any([signal, woken.signal])).catch(() => {})
    wake = () => {}
  }

  return { poke, run, followedHeight: () => followed }
}
