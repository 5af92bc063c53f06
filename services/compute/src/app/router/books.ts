import type { Domain } from '@zerog/evidence'
import type { Clock, Logger } from '@zerog/ports'
import { type Drainer, drainer, type Hex } from '@zerog/primitives'
import type { Price } from '../../core/broker/price.ts'
import { checkAnswerReceipt, type ReceiptCheck } from '../../core/router/check-receipt.ts'
import type { AckState, BrokerApi, ReceiptView } from './broker-api.ts'
import type { Provider } from './directory.ts'
import type { Journal } from './journal.ts'
import type { RouterMetrics } from './metrics.ts'
import type { JournalEntries, RouterRepository, RouterSigner, Spend } from './ports.ts'

export type AnswerFacts = {
  readonly answerId: string
  readonly provider: Provider
  readonly keyId: string
  readonly model: string
  /** What the model cost when it was chosen. */
  readonly price: Price
  readonly requestHash: Hex
  readonly feeMax: bigint
}

export type Books = {
  /** A stream began: from now on it may cost something even if we die. */
  opened(answer: AnswerFacts): void
  /** Checks the receipt of an answer that arrived whole. */
  check(answer: AnswerFacts, receipt: Uint8Array, responseHash: Hex): ReceiptCheck
  /** Writes a checked receipt into the books and acknowledges it to the provider. Resolves when it is durable here. */
  arrived(
    answer: AnswerFacts,
    receipt: Uint8Array,
    check: Extract<ReceiptCheck, { ok: true }>,
    /** What must become durable together with it. */
    along?: Partial<JournalEntries>,
  ): Promise<Spend>
  /** A stream that we left or that broke: asks the provider what it counts. Resolves with the spend, void if nothing. */
  cut(answer: AnswerFacts): Promise<Spend>
  /** The receipt of a stream that came to its end. */
  fetch(answer: AnswerFacts): Promise<Uint8Array>
  /** Takes up what an earlier run left unfinished. */
  resume(providerOf: (address: Hex) => Provider | undefined): Promise<void>
  /** Resolves when every acknowledgement was answered. */
  idle(): Promise<void>
  readonly unacknowledged: number
}

const ACKS_PER_CALL_MAX = 256
/** After so many tries without an answer a provider is asked less often, but never given up: only it knows what it counts. */
const ASKED_OFTEN_MAX = 40
const ASK_SELDOM_MS = 60_000
const UNFINISHED_MAX = 10_000
const RETRY_FIRST_MS = 20
const RETRY_MAX_MS = 5_000

type AckQueue = { readonly provider: Provider; readonly waiting: Ack[]; attempt: number; readonly worker: Drainer }
type Ack = { readonly spend: Spend; readonly receiptHash: Hex; done: () => void }

export function createBooks(
  { domain, gatherMs }: { readonly domain: Domain; readonly gatherMs: number },
  deps: {
    readonly broker: BrokerApi
    readonly journal: Journal
    readonly repository: RouterRepository
    readonly signer: RouterSigner
    readonly clock: Clock
    readonly logger: Logger
    readonly metrics: RouterMetrics
    readonly signal: AbortSignal
  },
): Books {
  const { broker, journal, signer, clock, logger, metrics, signal } = deps
  const queues = new Map<Hex, AckQueue>()
  const work = new Set<Promise<unknown>>()

  /** Keeps `idle` waiting for it. */
  function track<T>(promise: Promise<T>): Promise<T> {
    const settled = promise.then(
      () => {},
      () => {},
    )
    work.add(settled)
    void settled.then(() => work.delete(settled))
    return promise
  }

  function check(answer: AnswerFacts, receipt: Uint8Array, responseHash: Hex | 'cut'): ReceiptCheck {
    const { service } = answer.provider
    const { price } = answer
    const expected = {
      domain,
      signer: service.signer,
      user: signer.address,
      provider: service.provider,
      requestHash: answer.requestHash,
      responseHash,
      price,
      feeMax: answer.feeMax,
    }
    const result = checkAnswerReceipt(receipt, expected, signer.recover)
    if (!result.ok) {
      metrics.receiptRefused(result.problem)
      logger.warn('receipt_refused', { provider: service.provider, answerId: answer.answerId, problem: result.problem })
    }
    return result
  }

  function spendOf(answer: AnswerFacts, fields: Partial<Spend>): Spend {
    return {
      answerId: answer.answerId,
      provider: answer.provider.service.provider,
      keyId: answer.keyId,
      model: answer.model,
      state: 'open',
      cost: 0n,
      promptTokens: 0,
      completionTokens: 0,
      receipt: new Uint8Array(),
      atMs: clock.nowMs(),
      ...fields,
    }
  }

  function paid(
    answer: AnswerFacts,
    receipt: Uint8Array,
    result: Extract<ReceiptCheck, { ok: true }>,
    state: 'signed' | 'acked',
  ) {
    return spendOf(answer, {
      state,
      cost: result.receipt.fee,
      promptTokens: Number(result.receipt.promptTokens),
      completionTokens: Number(result.receipt.completionTokens),
      receipt,
    })
  }

  async function acknowledge(provider: Provider, spend: Spend, receiptHash: Hex): Promise<void> {
    const queue = queues.get(provider.service.provider) ?? openQueue(provider)
    const done = Promise.withResolvers<void>()
    queue.waiting.push({ spend, receiptHash, done: done.resolve })
    queue.worker.wake()
    await done.promise
  }

  function openQueue(provider: Provider): AckQueue {
    const waiting: Ack[] = []
    const hasWork = () => waiting.length > 0 && !signal.aborted
    const queue: AckQueue = { provider, waiting, attempt: 0, worker: drainer({ hasWork, step: () => sendAcks(queue) }) }
    queues.set(provider.service.provider, queue)
    return queue
  }

  async function sendAcks(queue: AckQueue): Promise<void> {
    // Nobody waits for it: what is acknowledged at about the same time travels together.
    await clock.sleep(gatherMs, signal).catch(() => {})
    const batch = queue.waiting.slice(0, ACKS_PER_CALL_MAX)
    try {
      const acks = batch.map(({ spend, receiptHash }) => ({ id: spend.answerId, receiptHash }))
      const states = await broker.acknowledge(queue.provider, acks, signal)
      // They stay in the queue until the outcome is durable: an acknowledgement can be repeated, a lost outcome would stay open.
      await settleAcks(batch, states)
      queue.waiting.splice(0, batch.length)
      queue.attempt = 0
    } catch (error) {
      if (signal.aborted) return
      logger.warn('acknowledgement_failed', { provider: queue.provider.service.provider, count: batch.length, error })
      await pause(queue.attempt++)
    }
  }

  async function settleAcks(batch: readonly Ack[], states: ReadonlyMap<string, AckState>): Promise<void> {
    const outcomes = batch.map(({ spend }) => {
      const state = states.get(spend.answerId)
      const acked = state === 'billable' || state === 'settled'
      if (!acked) logger.warn('receipt_void', { provider: spend.provider, answerId: spend.answerId, state })
      return { answerId: spend.answerId, provider: spend.provider, state: acked ? ('acked' as const) : ('void' as const) }
    })
    await journal.add({ outcomes })
    for (const { done } of batch) done()
  }

  /** undefined: the provider knows no such answer. Throws only when the router stops; the next start asks again. */
  async function askUntilDecided(answer: AnswerFacts): Promise<ReceiptView | undefined> {
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted()
      const view = await broker.receipt(answer.provider, answer.answerId, signal).catch((error) => {
        logger.debug('receipt_not_read', { answerId: answer.answerId, error })
        return 'failed' as const
      })
      if (view === undefined) return undefined
      if (view !== 'failed' && view.state !== 'pending') return view
      if (attempt < ASKED_OFTEN_MAX) await pause(attempt)
      else await clock.sleep(ASK_SELDOM_MS, signal).catch(() => {})
    }
  }

  /** Until it is durable: what a provider decided may not stay open because the database was away. */
  async function keep(entries: Partial<JournalEntries>): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await journal.add(entries)
      } catch (error) {
        if (signal.aborted) throw error
        await pause(attempt)
      }
    }
  }

  async function cut(answer: AnswerFacts): Promise<Spend> {
    const view = await askUntilDecided(answer)
    const result = view === undefined || view.state === 'void' ? undefined : check(answer, view.receipt, 'cut')
    if (view === undefined || result?.ok !== true) {
      const spend = spendOf(answer, { state: 'void' })
      await keep({ outcomes: [{ answerId: spend.answerId, provider: spend.provider, state: 'void' }] })
      return spend
    }
    const spend = paid(answer, view.receipt, result, 'acked')
    await keep({ spent: [spend] })
    return spend
  }

  function pause(attempt: number): Promise<void> {
    return clock.sleep(Math.min(RETRY_FIRST_MS * 2 ** Math.min(attempt, 10), RETRY_MAX_MS), signal).catch(() => {})
  }

  return {
    opened(answer) {
      void track(keep({ opened: [spendOf(answer, {})] })).catch(() => {})
    },
    check,
    async arrived(answer, receipt, result, along = {}) {
      const spend = paid(answer, receipt, result, 'signed')
      await track(journal.add({ ...along, spent: [spend] }))
      void track(acknowledge(answer.provider, spend, result.receiptHash)).catch(() => {})
      return spend
    },
    cut: (answer) => track(cut(answer)),
    async fetch(answer) {
      for (let attempt = 0; ; attempt++) {
        try {
          const view = await broker.receipt(answer.provider, answer.answerId, signal)
          if (view !== undefined) return view.receipt
        } catch (error) {
          if (attempt >= 5 || signal.aborted) throw error
        }
        if (attempt >= 5) throw new Error('the provider has no receipt of its answer')
        await pause(attempt)
      }
    },
    async resume(providerOf) {
      for (const spend of await deps.repository.unfinished(UNFINISHED_MAX)) {
        const provider = providerOf(spend.provider)
        // A provider that left the chain cannot settle either.
        if (provider === undefined) continue
        void track(takeUp(spend, provider)).catch((error) =>
          logger.warn('spend_not_resumed', { answerId: spend.answerId, error }),
        )
      }
    },
    async idle() {
      while (work.size > 0) await Promise.all(work)
    },
    get unacknowledged() {
      return [...queues.values()].reduce((sum, { waiting }) => sum + waiting.length, 0)
    },
  }

  /** The request of an earlier run is not known any more: what its receipt says of it was signed, or is taken as the provider says it. */
  async function takeUp(spend: Spend, provider: Provider): Promise<void> {
    const receipt = spend.state === 'signed' ? spend.receipt : undefined
    const view = receipt === undefined ? await askUntilDecided({ ...factsOf(spend, provider) }) : undefined
    const bytes = receipt ?? view?.receipt
    if (bytes === undefined || view?.state === 'void') {
      await keep({ outcomes: [{ answerId: spend.answerId, provider: spend.provider, state: 'void' }] })
      return
    }
    const answer = factsOf(spend, provider, bytes)
    const result = check(answer, bytes, 'cut')
    if (!result.ok) {
      await keep({ outcomes: [{ answerId: spend.answerId, provider: spend.provider, state: 'void' }] })
      return
    }
    if (spend.state === 'signed') await acknowledge(provider, spend, result.receiptHash)
    else await keep({ spent: [paid(answer, bytes, result, 'acked')] })
  }
}

function factsOf(spend: Spend, provider: Provider, receipt?: Uint8Array): AnswerFacts {
  // The hash of the request is the first field after the version.
  const hash = receipt === undefined ? '' : Buffer.from(receipt.subarray(1, 33)).toString('hex')
  return {
    answerId: spend.answerId,
    provider,
    keyId: spend.keyId,
    model: spend.model,
    price: provider.models.find(({ id }) => id === spend.model)?.price ?? provider.chainPrice,
    requestHash: `0x${hash}`,
    feeMax: 2n ** 128n - 1n,
  }
}
