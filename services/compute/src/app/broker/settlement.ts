import { encodeBatch } from '@zerog/evidence'
import type { Clock, Logger } from '@zerog/ports'
import type { Hex } from '@zerog/primitives'
import {
  isSettleable,
  type LastSettlement,
  type Outcome,
  outcomeOfState,
  refusedOutcome,
  SETTLEMENT_STATUS,
  SETTLEMENT_STATUS_NAMES,
} from '../../core/billing/outcome.ts'
import { type Claimant, planBatch } from '../../core/billing/plan-batch.ts'
import type { BatchTraces } from './batch-traces.ts'
import type { BrokerMetrics } from './metrics.ts'
import type { ProviderAccount, ProviderEvent } from './ports.ts'
import type { Batch, BatchStep, BrokerRepository, SentTransaction } from './repository.ts'
import type { TransactionRequest, TransactionSender } from './sender.ts'

export type { LastSettlement }

/** Where a batch's leaves are published. */
export type Publication = { readonly dataRoot: Hex; readonly epoch: bigint; readonly quorumId: bigint }

/** Publishes the leaves of a batch where they stay available, and resolves when the chain knows them. Asking again is harmless. */
export type ReceiptPublisher = { publish(blob: Uint8Array, signal: AbortSignal): Promise<Publication> }

export type SettlementOptions = {
  readonly chainId: bigint
  readonly provider: Hex
  /** Users of a batch; the contract takes 50. */
  readonly usersMax: number
  readonly receiptsPerUserMax: number
  /** A user is settled when his oldest receipt is this old, or when he owes this much. */
  readonly settleAfterMs: number
  readonly settleAmountWei: bigint
  /** A user whose settlement did not pay all is tried again after this time, or when his account changes. */
  readonly retryAfterMs: number
  /** A transaction that had no effect for so long is replaced. */
  readonly stuckAfterMs: number
}

export type SettlementDeps = {
  readonly repository: BrokerRepository
  readonly chain: {
    account(user: Hex): Promise<ProviderAccount | undefined>
    service(): Promise<{ readonly acknowledged: boolean } | undefined>
    isAnchored(batchRoot: Hex): Promise<boolean>
    lastSettlement(user: Hex): Promise<LastSettlement>
  }
  /** undefined: this installation publishes nothing, and its batches are not anchored. */
  readonly publisher: ReceiptPublisher | undefined
  readonly sender: TransactionSender
  readonly encode: {
    anchor(batch: Batch, publication: Publication, sum: bigint): TransactionRequest
    settle(batch: Batch): TransactionRequest
  }
  /** Everything that was final when it is called has been applied. */
  readonly caughtUp: () => Promise<void>
  readonly onSettled: (user: Hex) => void
  readonly traces: BatchTraces
  readonly metrics: BrokerMetrics
  readonly clock: Clock
  readonly logger: Logger
}

export type Settlement = {
  /** One step for the open batch, or a new batch. True where there was something to do. Runs under the lease of `token`. */
  round(token: bigint, signal: AbortSignal): Promise<boolean>
  /** What a finalized block says. Every broker of the provider calls it, leader or not. */
  apply(event: ProviderEvent): Promise<void>
}

/**
 * Takes billable receipts to the chain: plan and persist, publish, anchor, settle. Each step is persisted before it is sent and decided by
 * what the chain shows, so it may be repeated after a crash at any point: an anchor is made once, and a settlement nonce pays once.
 */
export function createSettlement(options: SettlementOptions, deps: SettlementDeps): Settlement {
  const { repository, chain, clock, logger, metrics } = deps
  /** Users that could not pay, and when they are tried again. Forgotten ones are merely tried once more. */
  const notBefore = new Map<Hex, number>()
  let sent: { readonly hash: Hex; readonly atMs: number } | undefined

  async function plan(token: bigint): Promise<boolean> {
    const claimants = await dueClaimants()
    if (claimants.length === 0) return false
    const owner = { chainId: options.chainId, provider: options.provider }
    const { batch, tree, users } = planBatch(owner, claimants, clock.nowMs())
    const created = await repository.createBatch(
      { root: tree.batchRoot, blob: encodeBatch(batch), createdAtMs: clock.nowMs(), users },
      token,
    )
    metrics.batches.add(1, { step: 'built' })
    deps.traces.built(
      created.batchId,
      users.flatMap(({ receiptIds }) => receiptIds),
    )
    logger.info('batch_built', { batchId: String(created.batchId), users: users.length, sumWei: String(tree.sum) })
    return true
  }

  async function dueClaimants(): Promise<readonly Claimant[]> {
    const nowMs = clock.nowMs()
    for (const [user, untilMs] of notBefore) if (untilMs <= nowMs) notBefore.delete(user)
    const candidates = await repository.billableUsers(4 * options.usersMax)
    metrics.unsettledWei.set(Number(candidates.reduce((sum, { amount }) => sum + amount, 0n)))
    metrics.unsettledAge.set(candidates.reduce((oldest, { oldestMs }) => Math.max(oldest, nowMs - oldestMs), 0) / 1000)
    const due = candidates.filter(({ user, oldestMs, amount }) => {
      if ((notBefore.get(user) ?? 0) > nowMs) return false
      return oldestMs + options.settleAfterMs <= nowMs || amount >= options.settleAmountWei
    })
    if (due.length === 0) return []
    const service = await chain.service()
    const claimants: Claimant[] = []
    for (const { user, amount } of due) {
      if (claimants.length === options.usersMax) break
      const account = await chain.account(user)
      if (!isSettleable(amount, { account, signerAcknowledged: service?.acknowledged === true })) {
        notBefore.set(user, nowMs + options.retryAfterMs)
        continue
      }
      const [carry, receipts] = await Promise.all([repository.carry(user), repository.billable(user, options.receiptsPerUserMax)])
      if (carry === undefined && receipts.length === 0) continue
      const { nonce } = account === undefined ? await chain.lastSettlement(user) : account
      claimants.push({
        user,
        accountNonce: nonce,
        carry,
        receipts,
      })
    }
    return claimants
  }

  async function publishAndAnchor(batch: Batch, token: bigint, signal: AbortSignal): Promise<void> {
    if (deps.publisher === undefined) return repository.beginSettling(batch.batchId)
    if (await chain.isAnchored(batch.root)) {
      metrics.batches.add(1, { step: 'anchored' })
      return repository.beginSettling(batch.batchId)
    }
    const publication = batch.publication === undefined ? await publish(batch, token, signal) : readPublication(batch.publication)
    const sum = batch.users.reduce((total, user) => total + user.sum, 0n)
    await transact(batch, 'anchor', token, deps.encode.anchor(batch, publication, sum))
  }

  async function publish(batch: Batch, token: bigint, signal: AbortSignal): Promise<Publication> {
    const blob = await repository.batchBlob(batch.batchId)
    if (blob === undefined || deps.publisher === undefined) throw new Error('a batch has its blob') // created with it
    const publication = await deps.publisher.publish(blob, signal)
    await repository.recordPublication(batch.batchId, writePublication(publication), token)
    metrics.batches.add(1, { step: 'published' })
    return publication
  }

  async function settle(batch: Batch, token: bigint): Promise<void> {
    const known = await readOutcomes(batch)
    if (known.size > 0) await record(batch, known)
    const open = batch.users.filter(({ user, outcome }) => outcome === undefined && !known.has(user))
    if (open.length === 0) return
    // What is refused stays open until its event is seen; what is paid is seen in the state at once.
    await transact(batch, 'settle', token, deps.encode.settle(batch))
  }

  async function readOutcomes(batch: Batch): Promise<Map<Hex, Outcome>> {
    const outcomes = new Map<Hex, Outcome>()
    for (const claim of batch.users) {
      if (claim.outcome !== undefined) continue
      const outcome = outcomeOfState(claim, await chain.lastSettlement(claim.user))
      if (outcome !== undefined) outcomes.set(claim.user, outcome)
    }
    return outcomes
  }

  async function record(batch: Batch, outcomes: ReadonlyMap<Hex, Outcome>): Promise<void> {
    await repository.recordOutcomes(batch.batchId, outcomes)
    for (const claim of batch.users) {
      const outcome = outcomes.get(claim.user)
      if (outcome === undefined || claim.outcome !== undefined) continue
      const status = SETTLEMENT_STATUS_NAMES[outcome.status] ?? 'unknown'
      metrics.settlements.add(1, { status })
      metrics.settledWei.add(Number(claim.sum - outcome.unpaid))
      if (outcome.unpaid > 0n) {
        notBefore.set(claim.user, clock.nowMs() + options.retryAfterMs)
        logger.warn('settlement_unpaid', { user: claim.user, status, unpaidWei: String(outcome.unpaid) })
      }
      deps.onSettled(claim.user)
    }
  }

  /** Brings the transaction of a step to the chain; what it did is seen by a later round. */
  async function transact(batch: Batch, step: BatchStep, token: bigint, request: TransactionRequest): Promise<void> {
    const present = batch.transactions[step]
    if (present === undefined) return fresh(batch, step, token, request)
    if (sent?.hash === present.hash && clock.monotonicMs() - sent.atMs >= options.stuckAfterMs) {
      logger.warn('transaction_stuck', { step, hash: present.hash })
      metrics.chainRefusals.add(1, { step })
      return keepAndSend(batch, { step, token, request, transaction: await deps.sender.sign(request, present) })
    }
    return keepAndSend(batch, { step, token, request, transaction: present, kept: true })
  }

  async function fresh(batch: Batch, step: BatchStep, token: bigint, request: TransactionRequest): Promise<void> {
    return keepAndSend(batch, { step, token, request, transaction: await deps.sender.sign(request) })
  }

  async function keepAndSend(
    batch: Batch,
    of: {
      readonly step: BatchStep
      readonly token: bigint
      readonly request: TransactionRequest
      readonly transaction: SentTransaction
      readonly kept?: boolean
    },
  ): Promise<void> {
    const { step, token, request, transaction } = of
    if (of.kept !== true) await repository.recordTransaction(batch.batchId, step, transaction, token)
    if ((await deps.sender.send(transaction)) === 'sent') {
      if (sent?.hash !== transaction.hash) sent = { hash: transaction.hash, atMs: clock.monotonicMs() }
      return
    }
    // Its nonce went to another transaction, perhaps an earlier form of itself: first learn what that one did.
    await deps.caughtUp()
    const now = await repository.batch(batch.batchId)
    if (now === undefined || now.state !== batch.state) return
    const done = step === 'anchor' ? await chain.isAnchored(batch.root) : (await readOutcomes(now)).size > 0
    if (!done) await fresh(now, step, token, request)
  }

  return {
    async round(token, signal) {
      const batch = await repository.openBatch()
      metrics.openBatchAge.set(batch === undefined ? 0 : (clock.nowMs() - batch.createdAtMs) / 1000)
      if (batch === undefined) return plan(token)
      const step = batch.state === 'built' ? 'publish and anchor' : 'settle'
      await deps.traces.run(batch.batchId, `settlement: ${step}`, () =>
        batch.state === 'built' ? publishAndAnchor(batch, token, signal) : settle(batch, token),
      )
      return true
    },

    async apply(event) {
      if (event.kind === 'account_changed') notBefore.delete(event.user)
      if (event.kind === 'anchored') {
        const batch = await repository.openBatch()
        if (batch?.root === event.batchRoot) await repository.beginSettling(batch.batchId)
      }
      if (event.kind !== 'settled') return
      const batch = await repository.openBatch()
      const claim = batch?.users.find(({ user }) => user === event.user)
      if (batch === undefined || claim === undefined || claim.outcome !== undefined) return
      const shown = outcomeOfState(claim, await chain.lastSettlement(event.user))
      if (shown !== undefined) return record(batch, new Map([[event.user, shown]]))
      // A refusal leaves no trace in the state. Only that of the transaction we know of counts: another one may be judged yet.
      if (event.status <= SETTLEMENT_STATUS.partial || event.transactionHash !== batch.transactions.settle?.hash) return
      await record(batch, new Map([[event.user, refusedOutcome(claim, event.status)]]))
    },
  }
}

export function writePublication({ dataRoot, epoch, quorumId }: Publication): string {
  return JSON.stringify({ dataRoot, epoch: String(epoch), quorumId: String(quorumId) })
}

export function readPublication(text: string): Publication {
  // `as`: written by us, above.
  const { dataRoot, epoch, quorumId } = JSON.parse(text) as Record<'epoch' | 'quorumId', string> & { dataRoot: Hex }
  return { dataRoot, epoch: BigInt(epoch), quorumId: BigInt(quorumId) }
}
