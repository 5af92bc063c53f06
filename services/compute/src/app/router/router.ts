import type { Clock, Logger, Random } from '@zerog/ports'
import type { Hex } from '@zerog/primitives'
import { promptTokensBound } from '../../core/broker/bounds.ts'
import { feeMax } from '../../core/broker/price.ts'
import { modelNotFound, OpenAiError } from '../../core/openai/errors.ts'
import type { Routing } from '../../core/openai/request.ts'
import { chooseOffers, type Offer } from '../../core/router/choose.ts'
import type { HttpAnswer } from '../http-client.ts'
import type { Asked, Attempts } from './attempt.ts'
import { ProviderFailed } from './attempt.ts'
import type { AnswerFacts, Books } from './books.ts'
import type { Directory, Provider } from './directory.ts'
import type { Hold, Keys, LiveKey } from './keys.ts'
import type { RouterMetrics } from './metrics.ts'
import type { JournalEntries, RouterSink, StoredAnswer } from './ports.ts'

/** What a request needs, whatever its route. */
export type Work = {
  readonly model: string
  readonly textBytes: number
  readonly messageCount: number
  /** Of each choice; undefined: what the context has room for. */
  readonly maxTokens: number | undefined
  readonly choices: number
  readonly stream: boolean
  readonly routing: Routing
}

/** Where an answer is kept for a repeated Idempotency-Key. */
export type Memory = {
  readonly entry: (answer: StoredAnswer) => Pick<JournalEntries, 'answers'>
  /** The answer will not be kept. */
  readonly drop: () => Promise<void>
}

export type Router = {
  /** Answers into the sink. Throws OpenAiError while nothing was sent. */
  answer(
    key: LiveKey,
    work: Work,
    asked: Asked,
    to: { readonly sink: RouterSink; readonly memory?: Memory | undefined },
  ): Promise<void>
}

/** A request goes to one provider, and to one more if that fails. */
const ATTEMPTS_MAX = 2
const ANSWER_BYTES_MAX = 64 * 1024 * 1024
/** Assumed of a model whose broker does not say. */
const CONTEXT_TOKENS_DEFAULT = 4096
/** Bytes of a stream that are kept for a repeated Idempotency-Key; a longer one is not kept. */
const KEPT_BYTES_MAX = 1024 * 1024

type Chosen = Offer & { readonly entry: Provider }
/** What one request carries through its attempts. */
type Job = {
  readonly work: Work
  readonly asked: Asked
  readonly hold: Hold
  readonly requestHash: Hex
  readonly sink: RouterSink
  readonly memory: Memory | undefined
}

export function createRouter(deps: {
  readonly keys: Keys
  readonly directory: Directory
  readonly attempts: Attempts
  readonly books: Books
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: RouterMetrics
  readonly sha256: { whole(bytes: Uint8Array): Hex; stream(): { update(bytes: Uint8Array): void; digest(): Hex } }
}): Router {
  const { keys, directory, attempts, books, clock, metrics } = deps

  function choose(work: Work): { readonly offers: readonly Chosen[]; readonly feeMax: bigint; readonly tokensMax: number } {
    const known = directory.offers(work.model)
    if (known.length === 0) throw modelNotFound(work.model)
    const contextTokens = Math.max(...known.map(({ entry }) => contextOf(entry, work.model)))
    const promptTokens = promptTokensBound(work)
    const completionTokens = Math.min(work.maxTokens ?? contextTokens, contextTokens) * work.choices
    const size = { promptTokens, completionTokens }
    const draw = (bound: number) => deps.random.below(bound)
    const offers = chooseOffers(known, { routing: work.routing, size }, { nowMs: clock.nowMs(), draw })
    if (offers.length === 0) {
      const message = `No provider of ${work.model} fits 'provider' of this request.`
      throw new OpenAiError({
        status: 404,
        message,
        param: 'provider',
        code: 'provider_not_found',
        type: 'invalid_request_error',
      })
    }
    const tried = offers.slice(0, ATTEMPTS_MAX)
    let dearest = 0n
    for (const { price } of tried) {
      const fee = feeMax(price, promptTokens, completionTokens)
      if (fee > dearest) dearest = fee
    }
    return { offers: tried, feeMax: dearest, tokensMax: promptTokens + completionTokens }
  }

  /** Asks one provider, and a second one where the first could not. */
  async function attempt(
    offers: readonly Chosen[],
    job: Job,
    once: (answer: Headed, facts: AnswerFacts) => Promise<void>,
  ): Promise<void> {
    let last: ProviderFailed | undefined
    for (const [index, { entry, price }] of offers.entries()) {
      if (index > 0) metrics.retried()
      try {
        const answer = await attempts.ask(entry, job.asked)
        return await once(answer, factsOf(job, { answerId: answer.answerId, provider: entry, price }))
      } catch (error) {
        if (!(error instanceof ProviderFailed)) throw error
        last = error
      }
    }
    throw last?.answer ?? modelNotFound(job.work.model)
  }

  async function whole(answer: Headed, facts: AnswerFacts, job: Job): Promise<void> {
    const { hold, sink, memory } = job
    const body = await answer.body.whole(ANSWER_BYTES_MAX).catch((error) => {
      if (job.asked.signal.aborted) throw error
      directory.failed(facts.provider, { refused: false })
      throw new ProviderFailed(brokenOff(), error)
    })
    const receipt = await receiptOf(answer, facts)
    const check = books.check(facts, receipt, deps.sha256.whole(body))
    if (!check.ok) {
      // Not acknowledged, so it is void; whoever signs wrong receipts is not asked again soon.
      directory.failed(facts.provider, { refused: true })
      throw new ProviderFailed(brokenOff(), new Error(`receipt: ${check.problem}`))
    }
    const { fee, promptTokens, completionTokens } = check.receipt
    end(hold, { cost: fee, promptTokens: Number(promptTokens), completionTokens: Number(completionTokens) })
    const headers = { ...answerHeaders(answer, facts.provider), 'x-zerog-cost-wei': String(fee) }
    const written = books.arrived(facts, receipt, check, memory?.entry({ status: 200, headers, body }))
    // An answer that may be asked for again must be there again: only then the client waits for the disk.
    if (memory !== undefined) await written
    else written.catch((error) => deps.logger.error('spend_not_written', { answerId: facts.answerId, error }))
    sink.begin(200, { ...headers, ...hold.headers, 'content-length': String(body.length) })
    sink.end(body)
  }

  /** Sends a stream on as it comes. Once its first byte is out nothing can be tried again; then it ends in an error event. */
  async function pass(answer: Headed, facts: AnswerFacts, job: Job): Promise<void> {
    const { hold, asked, sink } = job
    const hash = deps.sha256.stream()
    const headers = answerHeaders(answer, facts.provider)
    const kept = job.memory === undefined ? undefined : createKept(job.memory, headers)
    let begun = false
    books.opened(facts)
    try {
      for await (const bytes of answer.body.pieces) {
        if (!begun) sink.begin(200, { ...headers, ...hold.headers })
        begun = true
        hash.update(bytes)
        kept?.add(bytes)
        await sink.write(bytes)
        if (asked.signal.aborted) break
      }
      asked.signal.throwIfAborted()
    } catch (error) {
      void kept?.drop()
      if (!asked.signal.aborted) directory.failed(facts.provider, { refused: false })
      if (!begun && !asked.signal.aborted) {
        // What it cost, if anything, is found out; the hold goes on with the second attempt.
        void books.cut(facts).catch(() => {})
        throw new ProviderFailed(brokenOff(), error)
      }
      settleCut(facts, hold)
      sink.end(asked.signal.aborted ? undefined : encoder.encode(`data: ${JSON.stringify(brokenOff().body())}\n\n`))
      return
    }
    sink.end()
    const receipt = receiptIn(answer.body.trailers())
    settleStream(facts, hold, { receipt, responseHash: hash.digest(), kept: kept?.entry() })
  }

  /** After the last byte: the money follows when the receipt is there. It came with the stream, or is asked for. */
  function settleStream(
    facts: AnswerFacts,
    hold: Hold,
    of: {
      readonly receipt: Uint8Array | undefined
      readonly responseHash: Hex
      readonly kept: Pick<JournalEntries, 'answers'> | undefined
    },
  ): void {
    void (async () => {
      const receipt = of.receipt ?? (await books.fetch(facts))
      const check = books.check(facts, receipt, of.responseHash)
      if (!check.ok) {
        directory.failed(facts.provider, { refused: true })
        return end(hold, await books.cut(facts))
      }
      end(hold, await books.arrived(facts, receipt, check, of.kept))
    })().catch((error) => {
      hold.end({ cost: 0n, tokens: 0 })
      deps.logger.error('stream_not_settled', { answerId: facts.answerId, error })
    })
  }

  function settleCut(facts: AnswerFacts, hold: Hold): void {
    books.cut(facts).then(
      (spend) => end(hold, spend),
      (error) => {
        hold.end({ cost: 0n, tokens: 0 })
        deps.logger.warn('cut_not_settled', { answerId: facts.answerId, error })
      },
    )
  }

  function end(
    hold: Hold,
    spend: { readonly cost: bigint; readonly promptTokens: number; readonly completionTokens: number },
  ): void {
    hold.end({ cost: spend.cost, tokens: spend.promptTokens + spend.completionTokens })
    metrics.cost(spend.cost)
    metrics.tokens(spend.promptTokens, spend.completionTokens)
  }

  function receiptOf(answer: HttpAnswer, facts: AnswerFacts): Uint8Array | Promise<Uint8Array> {
    return (
      receiptIn(answer.headers) ??
      books.fetch(facts).catch((error) => {
        throw new ProviderFailed(brokenOff(), error)
      })
    )
  }

  return {
    async answer(key, work, asked, { sink, memory }) {
      let hold: Hold | undefined
      try {
        const { offers, feeMax: most, tokensMax } = choose(work)
        hold = await keys.hold(key, { feeMax: most, tokensMax })
        const job: Job = { work, asked, hold, requestHash: deps.sha256.whole(asked.body), sink, memory }
        await attempt(offers, job, (answer, facts) => (work.stream ? pass(answer, facts, job) : whole(answer, facts, job)))
      } catch (error) {
        // Whatever was produced for nobody costs the key nothing: no receipt of it is acknowledged.
        hold?.end({ cost: 0n, tokens: 0 })
        await memory?.drop()
        throw error
      }
    },
  }
}

type Headed = HttpAnswer & { readonly answerId: string }

/** The bytes of a stream, up to the limit. */
function createKept(memory: Memory, headers: Readonly<Record<string, string>>) {
  let parts: Uint8Array[] | undefined = []
  let total = 0
  return {
    add(bytes: Uint8Array) {
      total += bytes.length
      if (total <= KEPT_BYTES_MAX) parts?.push(bytes)
      else parts = undefined
    },
    drop: memory.drop,
    entry() {
      if (parts !== undefined) return memory.entry({ status: 200, headers, body: Buffer.concat(parts) })
      void memory.drop()
      return undefined
    },
  }
}

function factsOf({ work, hold, requestHash }: Job, of: Pick<AnswerFacts, 'answerId' | 'provider' | 'price'>): AnswerFacts {
  return { ...of, keyId: hold.key.record.id, model: work.model, requestHash, feeMax: hold.feeMax }
}

function answerHeaders(answer: Headed, { service }: Provider): Record<string, string> {
  return {
    'content-type': answer.headers['content-type'] ?? 'application/json; charset=utf-8',
    'zg-res-key': answer.answerId,
    'x-zerog-receipt-id': answer.answerId,
    'x-zerog-provider': service.provider,
  }
}

/** Of headers or trailers; undefined: a broker of a release that sends none. */
function receiptIn(fields: HttpAnswer['headers']): Uint8Array | undefined {
  const text = fields['x-zerog-receipt']
  return text === undefined ? undefined : Buffer.from(text, 'base64')
}

function contextOf({ models }: Provider, model: string): number {
  return models.find(({ id }) => id === model)?.contextTokens ?? CONTEXT_TOKENS_DEFAULT
}

function brokenOff(): OpenAiError {
  return new OpenAiError({
    status: 502,
    message: 'The provider broke off its answer. Nothing that did not arrive is charged.',
    code: 'provider_broke_off',
    retryAfterMs: 100,
  })
}
const encoder = new TextEncoder()
