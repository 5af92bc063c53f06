import { promptTokensBound } from '../../core/broker/bounds.ts'
import { embeddingJson } from '../../core/broker/embedding-answer.ts'
import { feeMax, feeOf } from '../../core/broker/price.ts'
import type { EmbeddingRequest } from '../../core/openai/embedding-request.ts'
import { badRequest, modelNotFound } from '../../core/openai/errors.ts'
import type { AnswerDeps } from './answer-deps.ts'
import { newAnswerId } from './answer-id.ts'
import type { Asked, BrokerDeps } from './broker.ts'
import { within } from './generation.ts'
import { reserveFor } from './plan-generation.ts'
import type { AnswerSink, TakenModel } from './ports.ts'
import { billedUsage } from './usage.ts'

/** Embeds texts and bills their tokens; the receipt is durable before the answer leaves. */
export async function answerEmbedding(
  asked: Asked,
  request: EmbeddingRequest,
  sink: AnswerSink,
  { deps, answerDeps, giveUp }: Wiring,
): Promise<void> {
  const taken = deps.workers.take(request.model)
  if (taken === undefined) throw modelNotFound(request.model)
  try {
    if (!taken.model.embeddings) {
      throw badRequest(`The model \`${taken.model.id}\` does not serve embeddings.`, 'model', 'unsupported_model')
    }
    await embed(asked, request, { sink, taken, deps, answerDeps, giveUp })
  } finally {
    taken.release()
  }
}

type Wiring = {
  readonly deps: BrokerDeps
  readonly answerDeps: AnswerDeps
  readonly giveUp: (id: string, user: Asked['user']) => Promise<void>
}

async function embed(
  asked: Asked,
  request: EmbeddingRequest,
  { sink, taken, deps, answerDeps, giveUp }: Wiring & { readonly sink: AnswerSink; readonly taken: TakenModel },
): Promise<void> {
  const price = deps.priceOf(taken.model.id)
  const promptTokensMax = promptTokensBound({ textBytes: request.textBytes, messageCount: request.inputs.length })
  const reservation = await reserveFor(asked, feeMax(price, promptTokensMax, 0), deps.accounts)
  const id = newAnswerId('embedding', deps.random)
  try {
    const call = { model: taken.model.id, inputs: request.inputs, account: asked.user }
    const limits = { clock: deps.clock, signal: sink.gone }
    const { vectors, usage: claimed } = await within(taken.client.embed(call, sink.gone), answerDeps.limits.firstTokenMs, limits)
    const bounds = { choicesPerPrompt: 1, promptTokensMax, completionTokensMax: 0 }
    const usage = billedUsage(bounds, [{ usage: claimed }], deps.metrics)
    const fee = feeOf(price, usage)
    const body = new TextEncoder().encode(embeddingJson(taken.model.id, vectors, { encoding: request.encoding, usage }))
    const record = deps.makeReceipt({
      id,
      kind: 'final',
      user: asked.user,
      model: taken.model,
      params: { maxTokens: 0, seed: 0n, stop: [], temperatureMilli: 0, topK: 0, topPMilli: 1000 },
      requestHash: deps.hashing.sha256(asked.body),
      responseHash: deps.hashing.sha256(body),
      usage,
      fee,
      traceRoot: undefined,
      acknowledgement: asked.acknowledgement,
    })
    await asked.admitted
    await reservation.confirm()
    await deps.journal.final(record)
    reservation.release(fee)
    sink.begin({ 'content-type': 'application/json; charset=utf-8', ...answerDeps.answerHeaders(record) })
    const written = await sink.end(body)
    await answerDeps.conclude(record, written)
  } catch (error) {
    await giveUp(id, asked.user)
    throw error
  } finally {
    reservation.release(0n)
  }
}
