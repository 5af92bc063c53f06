import { DONE_EVENT, deltaEvent, finishEvent, openingEvent, usageEvent } from '../../core/broker/openai-answer.ts'
import { feeOf, type Usage } from '../../core/broker/price.ts'
import type { AnswerDeps } from './answer-deps.ts'
import { type Generation, runChoices } from './generation.ts'
import type { AnswerSink, GenerateEvent, Sha256Stream } from './ports.ts'
import type { ReceiptKind } from './repository.ts'
import { billedUsage } from './usage.ts'

/**
 * Sends a generation as it is produced. What was sent so far is checkpointed every few tokens; the final receipt is durable before the
 * last bytes leave. Throws what the worker throws; the caller then tells the client and gives the rest up.
 */
export async function answerStream(generation: Generation, sink: AnswerSink, deps: AnswerDeps): Promise<void> {
  const { frame, includeUsage, reservation } = generation
  // Whoever acknowledges needs the receipt: in a trailer it saves the question for it.
  const withReceipt = generation.acknowledgement === 'signed'
  const hash = deps.hashing.sha256Stream()
  const ends: (NonNullable<GenerateEvent['end']> | undefined)[] = generation.calls.map(() => undefined)
  const checkpoints = createCheckpoints(generation, { hash, sink, deps })

  const send = (text: string): Promise<void> => {
    const bytes = encoder.encode(text)
    hash.update(bytes)
    return sink.write(bytes)
  }

  let begun = false
  const begin = async (): Promise<void> => {
    begun = true
    sink.begin({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'zg-res-key': frame.id,
      ...(withReceipt ? { trailer: 'x-zerog-receipt' } : {}),
    })
    if (frame.kind === 'chat') for (const index of ends.keys()) await send(openingEvent(frame, index, includeUsage))
  }
  try {
    for await (const { index, event } of runChoices(generation, deps.limits, { clock: deps.clock, signal: sink.gone })) {
      // Not before: a model that fails at once gives an error that can be tried again elsewhere.
      if (!begun) await begin()
      if (event.end !== undefined) ends[index] = event.end
      if (event.text !== '' || event.logprobs.length > 0 || event.fields !== undefined) {
        await send(deltaEvent(frame, index, event, includeUsage))
      }
      if (event.end !== undefined) await send(finishEvent(frame, index, event.end.finishReason, includeUsage))
      await checkpoints.produced(event.tokenCount)
    }
  } catch (error) {
    // A checkpoint on its way must be there before the answer is given up, or it would count after everybody was told that nothing does.
    await checkpoints.settled().catch(() => {})
    throw error
  }
  await checkpoints.settled()
  const usage = billedUsage(
    generation,
    ends.filter((end) => end !== undefined),
    deps.metrics,
  )
  const fee = feeOf(generation.price, usage)
  const last = encoder.encode(`${includeUsage ? usageEvent(frame, usage) : ''}${DONE_EVENT}`)
  hash.update(last)
  const record = recordOf(generation, deps, { kind: 'final', hash, usage, fee, traceRoot: ends[0]?.traceRoot })
  await deps.journal.final(record)
  reservation.release(fee)
  const written = await sink.end(last, withReceipt ? deps.answerTrailers(record) : undefined)
  await deps.conclude(record, written)
}
const encoder = new TextEncoder()

type Checkpoints = {
  /** Tells of tokens that were written; waits only where the one before is not durable yet. */
  produced(tokens: number): Promise<void>
  /** No checkpoint is on its way any more. */
  settled(): Promise<void>
}

/**
 * A checkpoint covers bytes that the operating system took, so that a client pays for nothing that never left. It is written while the
 * stream goes on, but the next one waits for it: never more than two windows of tokens are at stake.
 */
function createCheckpoints(
  generation: Generation,
  { hash, sink, deps }: { readonly hash: Sha256Stream; readonly sink: AnswerSink; readonly deps: AnswerDeps },
): Checkpoints {
  let tokens = 0
  let covered = 0
  let running: Promise<void> | undefined
  let failure: unknown
  let promptTokens: Promise<number> | undefined

  async function write(completionTokens: number, responseHash: ReturnType<Sha256Stream['digest']>): Promise<void> {
    await sink.flushed()
    promptTokens ??= countPrompts(generation, sink.gone)
    const prompt = Math.min(await promptTokens, generation.promptTokensMax)
    // Whether the prompt came from the cache is not known before the end: the lower price counts until then.
    const cachedTokens = generation.price.cachedDivisor > 1 ? prompt : 0
    const usage = { promptTokens: prompt, completionTokens, cachedTokens }
    const fee = feeOf(generation.price, usage)
    const at = { update() {}, digest: () => responseHash }
    await deps.journal.checkpoint(recordOf(generation, deps, { kind: 'checkpoint', hash: at, usage, fee, traceRoot: undefined }))
    deps.live.add(generation.frame.id)
  }

  return {
    async produced(count) {
      tokens += count
      if (tokens - covered < deps.limits.checkpointTokens) return
      await running
      if (failure !== undefined) throw failure
      covered = Math.min(tokens, generation.completionTokensMax)
      running = write(covered, hash.digest()).catch((error) => {
        // A client that left is seen by the loop; a database that does not answer must stop the stream.
        if (!sink.gone.aborted) failure = error
      })
    },
    async settled() {
      await running
      if (failure !== undefined) throw failure
    },
  }
}

/** Tokens of all prompts; 0 where the worker cannot tell: a checkpoint then bills the answer alone. */
async function countPrompts({ calls, taken, choicesPerPrompt }: Generation, signal: AbortSignal): Promise<number> {
  const prompts = calls.filter((_, index) => index % choicesPerPrompt === 0)
  const counts = await Promise.all(
    prompts.map(({ model, input }) => taken.client.countTokens({ model, input }, signal).catch(() => 0)),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

function recordOf(
  generation: Generation,
  deps: AnswerDeps,
  of: {
    readonly kind: ReceiptKind
    readonly hash: Sha256Stream
    readonly usage: Usage
    readonly fee: bigint
    readonly traceRoot: NonNullable<GenerateEvent['end']>['traceRoot']
  },
) {
  return deps.makeReceipt({
    id: generation.frame.id,
    kind: of.kind,
    user: generation.user,
    model: generation.taken.model,
    params: generation.params,
    requestHash: generation.requestHash,
    responseHash: of.hash.digest(),
    usage: of.usage,
    fee: of.fee,
    traceRoot: of.traceRoot,
    acknowledgement: generation.acknowledgement,
  })
}
