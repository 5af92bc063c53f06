import { type Domain, encodeSignedReceipt, type InferenceReceipt, type SignedReceipt } from '@zerog/evidence'
import type { Clock, Logger, Random } from '@zerog/ports'
import { type Hex, ZerogError } from '@zerog/primitives'
import { refuseClaims } from '../../core/broker/bearer.ts'
import { errorEvent } from '../../core/broker/openai-answer.ts'
import type { Price } from '../../core/broker/price.ts'
import type { EmbeddingRequest } from '../../core/openai/embedding-request.ts'
import type { GenerationRequest } from '../../core/openai/request.ts'
import { acknowledgementDigest, acknowledgementsDigest } from '../../core/receipts/acknowledgement.ts'
import type { Accounts } from './accounts.ts'
import type { AnswerDeps } from './answer-deps.ts'
import { answerEmbedding } from './answer-embedding.ts'
import { answerStream } from './answer-stream.ts'
import { answerWhole } from './answer-whole.ts'
import { createAwaited } from './awaited.ts'
import type { Generation } from './generation.ts'
import type { Heights } from './heights.ts'
import type { Journal } from './journal.ts'
import type { BrokerMetrics } from './metrics.ts'
import { planGeneration } from './plan-generation.ts'
import type { AnswerSink, Hashing, RecoverDigest, RecoverToken } from './ports.ts'
import type { createReceiptMaker } from './receipt-maker.ts'
import type { BrokerRepository, StoredReceipt } from './repository.ts'
import { createTokenCache } from './token-cache.ts'
import type { Workers } from './workers.ts'

export type BrokerOptions = {
  readonly provider: Hex
  readonly domain: Domain
  readonly requestsAtOnceMax: number
  readonly requestsPerAccountMax: number
  readonly tokensCachedMax: number
  /** Receipts without a signed acknowledgement that are kept at hand; others are read again. */
  readonly awaitedMax: number
  /** Answers per hour that one user may promise to acknowledge and not acknowledge. */
  readonly unacknowledgedMax: number
  readonly completionTokensDefault: number
  readonly limits: AnswerDeps['limits']
}

export type BrokerDeps = {
  readonly repository: BrokerRepository
  readonly journal: Journal
  readonly accounts: Accounts
  readonly heights: Heights
  readonly workers: Workers
  readonly hashing: Hashing
  readonly recoverToken: RecoverToken
  readonly recoverDigest: RecoverDigest
  readonly makeReceipt: ReturnType<typeof createReceiptMaker>
  readonly priceOf: (model: string) => Price
  readonly metrics: BrokerMetrics
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** What a caller asks, as it came. */
export type Asked = {
  readonly user: Hex
  /** The exact bytes, which the receipt's request hash covers. */
  readonly body: Uint8Array
  readonly acknowledgement: 'signed' | 'write'
  /** Rejects where the user turns out not to be let in; until it resolves nothing is sent or written down. */
  readonly admitted: Promise<void>
}

export type Broker = ReturnType<typeof createBroker>

/** Lets requests in, has them answered and billed. HTTP, chain and database stand behind its deps. */
export function createBroker(options: BrokerOptions, deps: BrokerDeps) {
  const { journal, accounts, metrics, clock } = deps
  const tokens = createTokenCache({ entriesMax: options.tokensCachedMax }, { recover: deps.recoverToken })
  const runningOf = new Map<Hex, number>()
  const awaited = createAwaited({ entriesMax: options.awaitedMax })
  const live = new Set<string>()
  const works = new Set<Promise<unknown>>()
  let running = 0

  /** The user behind an Authorization header. Throws UNAUTHENTICATED; REPLICA_BEHIND while the chain is ahead of us. */
  async function authorize(authorization: string | undefined): Promise<Hex> {
    const { user, admitted } = await admit(authorization)
    await admitted
    return user
  }

  /**
   * As far as this broker knows the chain, the user is let in; `admitted` follows when it has seen what the user may have seen (ADR 0137).
   * Work may begin meanwhile, nothing may leave. Throws as `authorize`.
   */
  async function admit(authorization: string | undefined): Promise<Pick<Asked, 'user' | 'admitted'>> {
    const token = tokens.read(authorization)
    if (token === undefined) throw unauthenticated('expected Authorization: Bearer app-sk-…')
    const { claims, signer } = token
    const user = claims.address as Hex // only addresses are read
    if (signer !== user) throw unauthenticated('the token is not signed by its address')
    const check = async (): Promise<void> => {
      const account = (await accounts.account(user)) ?? NO_ACCOUNT
      const refusal = refuseClaims(claims, { provider: options.provider, nowMs: clock.nowMs(), account })
      if (refusal !== undefined) throw unauthenticated(REFUSALS[refusal])
    }
    const admitted = deps.heights.caughtUp().then(check)
    // Heard by whoever sends the first byte; unheard, because the request failed before, it must not end the process.
    admitted.catch(() => {})
    // What is refused by an old state may be right by the new one, and who is not at hand would be read twice.
    if (!accounts.known(user)) await admitted
    else await check().catch(() => admitted)
    return { user, admitted }
  }

  const answerDeps: AnswerDeps = {
    limits: options.limits,
    journal,
    hashing: deps.hashing,
    makeReceipt: deps.makeReceipt,
    metrics,
    clock,
    logger: deps.logger,
    live,
    answerHeaders: ({ id, receipt, signature }) => ({
      'zg-res-key': id,
      'x-zerog-cost-wei': String(receipt.fee),
      'x-zerog-receipt': receiptHeader({ receipt, signature }),
    }),
    answerTrailers: ({ receipt, signature }) => ({ 'x-zerog-receipt': receiptHeader({ receipt, signature }) }),
    async conclude(record, written) {
      const { id, receipt } = record
      if (!written) return giveUp(id, receipt.user)
      if (record.acknowledgement === 'signed') return awaited.add(record)
      if (await journal.acknowledged(id)) count(receipt)
    },
  }

  function count({ promptTokens, completionTokens, fee }: InferenceReceipt): void {
    metrics.feesWei.add(Number(fee))
    metrics.tokens.add(Number(promptTokens), { kind: 'prompt' })
    metrics.tokens.add(Number(completionTokens), { kind: 'completion' })
  }

  /** The answer ended early: what was checkpointed counts from now on. */
  async function giveUp(id: string, user: Hex): Promise<void> {
    await journal.cut(id)
    accounts.changed(user)
  }

  /** One place among the running requests, or a refusal to come back with. */
  function enter(user: Hex): () => void {
    const ofUser = runningOf.get(user) ?? 0
    if (running >= options.requestsAtOnceMax) throw busy('this provider', running)
    if (ofUser >= options.requestsPerAccountMax) throw busy('your account', ofUser)
    running++
    runningOf.set(user, ofUser + 1)
    return () => {
      running--
      const left = (runningOf.get(user) ?? 1) - 1
      if (left > 0) runningOf.set(user, left)
      else runningOf.delete(user)
    }
  }

  async function checkPromise({ user, acknowledgement }: Asked): Promise<void> {
    if (acknowledgement !== 'signed' || (await accounts.unacknowledged(user)) < options.unacknowledgedMax) return
    throw new ZerogError('RATE_LIMITED', {
      message: `${options.unacknowledgedMax} answers of the last hour were not acknowledged: acknowledge what you get, or ask without x-zerog-acknowledge`,
      retryAfterMs: 60_000,
    })
  }

  async function run(generation: Generation, sink: AnswerSink, stream: boolean): Promise<void> {
    const { frame, user, reservation, taken } = generation
    let begun = false
    let receipted = false
    const noted: AnswerDeps = {
      ...answerDeps,
      makeReceipt(of) {
        receipted = true
        return answerDeps.makeReceipt(of)
      },
    }
    const seen: AnswerSink = {
      ...sink,
      begin(headers) {
        begun = true
        sink.begin(headers)
      },
    }
    try {
      await (stream ? answerStream(generation, seen, noted) : answerWhole(generation, seen, noted))
    } catch (error) {
      // Without a receipt nothing is written down of it, and whoever hears the failure may go elsewhere at once.
      if (receipted) await giveUp(frame.id, user)
      // What was sent cannot be taken back: the client learns of the failure inside the stream.
      if (!begun) throw error
      deps.logger.warn('answer_cut', { id: frame.id, model: frame.model, error: String(error) })
      await sink.end(encoder.encode(errorEvent(streamError(error)))).catch(() => false)
    } finally {
      live.delete(frame.id)
      reservation.release(0n)
      taken.release()
    }
  }

  function tracked<T>(work: Promise<T>): Promise<T> {
    works.add(work)
    const done = () => works.delete(work)
    work.then(done, done)
    return work
  }

  async function accept(
    id: string,
    signed: (stored: Pick<StoredReceipt, 'receipt' | 'receiptHash'>) => boolean,
  ): Promise<'billable'> {
    const stored = awaited.get(id) ?? (await deps.repository.receipt(id))
    if (stored === undefined) throw unknownId(id)
    if (!signed(stored)) throw unauthenticated('the acknowledgement is not signed by the user of the receipt')
    if (await journal.acknowledged(id)) {
      awaited.remove(id)
      count(stored.receipt)
      return 'billable'
    }
    const now = await deps.repository.receipt(id)
    if (now?.kind === 'final' && (now.state === 'billable' || now.state === 'batched')) return 'billable'
    throw new ZerogError('WRONG_STATE', {
      message: `the receipt of ${id} is ${now?.state ?? 'gone'}: too late to acknowledge it`,
    })
  }

  return {
    authorize,
    admit,

    /** Answers into the sink. Throws what keeps it from starting; after the first byte failures go into the stream. */
    async generate(asked: Asked, request: GenerationRequest, sink: AnswerSink): Promise<void> {
      const leave = enter(asked.user)
      try {
        await checkPromise(asked)
        const generation = await planGeneration(asked, request, { options, deps, signal: sink.gone })
        await tracked(run(generation, sink, request.stream))
      } finally {
        leave()
      }
    },

    async embed(asked: Asked, request: EmbeddingRequest, sink: AnswerSink): Promise<void> {
      const leave = enter(asked.user)
      try {
        await checkPromise(asked)
        await tracked(answerEmbedding(asked, request, sink, { deps, answerDeps, giveUp }))
      } finally {
        leave()
      }
    },

    /**
     * The user's word that an answer arrived. Throws NOT_FOUND for an unknown id, UNAUTHENTICATED for a signature of somebody else,
     * WRONG_STATE where it came too late. Saying it twice is harmless.
     */
    async acknowledge(id: string, signature: Hex): Promise<'billable'> {
      return accept(id, ({ receipt, receiptHash }) => {
        return deps.recoverDigest(acknowledgementDigest(receiptHash, options.domain), signature) === receipt.user
      })
    },

    /** One signature over many receipts: each is accepted as `acknowledge` would, or fails alone. */
    acknowledgeTogether(
      acks: readonly { readonly id: string; readonly receiptHash: Hex }[],
      signature: Hex,
    ): readonly Promise<'billable'>[] {
      const digest = acknowledgementsDigest(
        acks.map(({ receiptHash }) => receiptHash),
        options.domain,
      )
      const user = deps.recoverDigest(digest, signature)
      // What was signed is the hash: an id with another receipt is not acknowledged by it.
      return acks.map(({ id, receiptHash }) =>
        accept(id, (stored) => stored.receipt.user === user && stored.receiptHash === receiptHash),
      )
    },

    async receipt(id: string): Promise<StoredReceipt> {
      const stored = await deps.repository.receipt(id)
      if (stored === undefined) throw unknownId(id)
      return stored
    },

    unsettled: (user: Hex) => accounts.unsettled(user),
    models: () => deps.workers.models(),
    priceOf: deps.priceOf,
    running: () => running,

    /** Moves the deadlines of streams that live and applies those that passed. */
    async tend(deadlineMs: number): Promise<void> {
      await deps.repository.keepAlive([...live], deadlineMs)
      for (const user of await deps.repository.expire(clock.nowMs())) accounts.changed(user)
    },

    /** Resolves when every running answer has ended and is written down. */
    async idle(): Promise<void> {
      while (works.size > 0) await Promise.allSettled(works)
      await journal.idle()
    },
  }
}

const encoder = new TextEncoder()

function receiptHeader(signed: SignedReceipt): string {
  const bytes = encodeSignedReceipt(signed)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
const NO_ACCOUNT = { generation: 0n, revokedBitmap: 0n }

const REFUSALS = {
  'wrong provider': 'the token is for another provider',
  'from the future': 'the token is from the future: check the clock',
  expired: 'the token has expired',
  'no expiry': 'an ephemeral token needs an expiry',
  'lives too long': 'an ephemeral token lives at most 24 hours',
  'old generation': 'all tokens of this account were revoked since',
  revoked: 'the token was revoked',
} as const

function streamError(error: unknown) {
  const known = error instanceof ZerogError && error.status !== 'INTERNAL'
  const message = known ? error.message : 'the answer could not be finished'
  return { error: { message, type: 'server_error', param: null, code: known ? error.reason.toLowerCase() : null } }
}

function busy(what: string, count: number): ZerogError {
  return new ZerogError('RATE_LIMITED', {
    message: `${what} has ${count} running requests: come back in a moment`,
    retryAfterMs: 1000,
  })
}

function unknownId(id: string): ZerogError {
  return new ZerogError('NOT_FOUND', { message: `there is no answer ${id.slice(0, 100)} here` })
}

function unauthenticated(message: string): ZerogError {
  return new ZerogError('UNAUTHENTICATED', { message })
}
