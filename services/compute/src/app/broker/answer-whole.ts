import { answerJson, type Choice, type Logprob } from '../../core/broker/openai-answer.ts'
import { feeOf } from '../../core/broker/price.ts'
import { mergeDeltas } from '../../core/broker/upstream-message.ts'
import type { AnswerDeps } from './answer-deps.ts'
import { type Generation, runChoices } from './generation.ts'
import type { AnswerSink, GenerateEvent } from './ports.ts'
import { billedUsage } from './usage.ts'

/** Runs a generation to its end and sends it as one JSON object, once its receipt is durable. */
export async function answerWhole(generation: Generation, sink: AnswerSink, deps: AnswerDeps): Promise<void> {
  const { frame, user, taken, requestHash, acknowledgement, price, reservation } = generation
  const choices = generation.calls.map(() => ({ text: '', logprobs: [] as Logprob[], fields: [] as Json[], end: NO_END }))
  for await (const { index, event } of runChoices(generation, deps.limits, { clock: deps.clock, signal: sink.gone })) {
    const choice = choices[index] as (typeof choices)[number] // runChoices counts the calls
    choice.text += event.text
    choice.logprobs.push(...event.logprobs)
    if (event.fields !== undefined) choice.fields.push(event.fields)
    if (event.end !== undefined) choice.end = event.end
  }
  const ends = choices.map(({ end }) => end)
  const usage = billedUsage(generation, ends, deps.metrics)
  const fee = feeOf(price, usage)
  const body = encoder.encode(
    answerJson(
      frame,
      choices.map((choice) => finished(choice, generation.logprobs)),
      usage,
    ),
  )
  const record = deps.makeReceipt({
    id: frame.id,
    kind: 'final',
    user,
    model: taken.model,
    params: generation.params,
    requestHash,
    responseHash: deps.hashing.sha256(body),
    usage,
    fee,
    traceRoot: ends[0]?.traceRoot,
    acknowledgement,
  })
  await deps.journal.final(record)
  reservation.release(fee)
  sink.begin({ 'content-type': 'application/json; charset=utf-8', ...deps.answerHeaders(record) })
  const written = await sink.end(body)
  await deps.conclude(record, written)
}

type Json = Readonly<Record<string, unknown>>
type End = NonNullable<GenerateEvent['end']>
const encoder = new TextEncoder()
/** Replaced by the last event, without which runChoices throws. */
const NO_END: End = {
  finishReason: 'stop',
  usage: { promptTokens: 0, completionTokens: 0, cachedTokens: 0 },
  traceRoot: undefined,
}

function finished(
  of: { readonly text: string; readonly logprobs: readonly Logprob[]; readonly fields: readonly Json[]; readonly end: End },
  withLogprobs: boolean,
): Choice {
  return {
    text: of.text,
    logprobs: withLogprobs ? of.logprobs : undefined,
    fields: mergeDeltas(of.fields),
    finishReason: of.end.finishReason,
  }
}
