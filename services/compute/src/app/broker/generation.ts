import type { SamplingParams } from '@zerog/evidence'
import type { Clock } from '@zerog/ports'
import { type Hex, ZerogError } from '@zerog/primitives'
import type { AnswerFrame } from '../../core/broker/openai-answer.ts'
import type { Price } from '../../core/broker/price.ts'
import type { Reservation } from './accounts.ts'
import type { GenerateCall, GenerateEvent, TakenModel } from './ports.ts'

/** A request that was let in: what runs, what it may cost, whom it is for. */
export type Generation = {
  readonly frame: AnswerFrame
  readonly user: Hex
  readonly taken: TakenModel
  readonly price: Price
  /** One per choice; choice i continues prompt floor(i / n). */
  readonly calls: readonly GenerateCall[]
  readonly choicesPerPrompt: number
  readonly params: SamplingParams
  readonly promptTokensMax: number
  readonly completionTokensMax: number
  readonly requestHash: Hex
  readonly acknowledgement: 'signed' | 'write'
  /** Resolves when the user is let in for certain (ADR 0143); nothing of the answer leaves before. */
  readonly confirm: () => Promise<void>
  readonly logprobs: boolean
  readonly includeUsage: boolean
  readonly reservation: Reservation
}

export type ChoiceEvent = { readonly index: number; readonly event: GenerateEvent }

/**
 * Runs every choice at once and gives their events as they come, the first once the user is let in for certain. A choice that is silent for too long, or ends without its last event,
 * fails the whole; leaving the loop stops them all.
 */
export async function* runChoices(
  generation: Pick<Generation, 'calls' | 'taken' | 'confirm'>,
  limits: { readonly firstTokenMs: number; readonly tokenMs: number },
  deps: { readonly clock: Clock; readonly signal: AbortSignal },
): AsyncGenerator<ChoiceEvent> {
  const stop = new AbortController()
  const { signal } = stop
  // Linked by hand: AbortSignal.any costs more than the rest of this function.
  const abort = () => stop.abort(deps.signal.reason)
  deps.signal.addEventListener('abort', abort, { once: true })
  if (deps.signal.aborted) abort()
  const { client } = generation.taken
  const sources = generation.calls.map((call) => {
    const events = client.generate(call, signal)[Symbol.asyncIterator]()
    return { events, waitMs: limits.firstTokenMs, ended: false }
  })
  type Step = { readonly index: number; readonly result: IteratorResult<GenerateEvent> }
  const step = async (index: number): Promise<Step> => {
    const source = sources[index] as (typeof sources)[number] // an index of the list
    const result = await within(source.events.next(), source.waitMs, { clock: deps.clock, signal })
    source.waitMs = limits.tokenMs
    return { index, result }
  }
  const waiting = new Map(sources.map((_, index) => [index, step(index)]))
  // Until the user is let in nobody hears a failure; unheard, it would end the process.
  for (const pending of waiting.values()) pending.catch(() => {})
  try {
    await generation.confirm()
    while (waiting.size > 0) {
      const { index, result } = await (waiting.size === 1 ? firstOf(waiting) : Promise.race(waiting.values()))
      const source = sources[index] as (typeof sources)[number] // as above
      if (result.done === true) {
        waiting.delete(index)
        if (!source.ended) throw incomplete()
        continue
      }
      // Nothing follows the last event; more of them would be billed twice.
      if (source.ended) throw incomplete()
      source.ended = result.value.end !== undefined
      waiting.set(index, step(index))
      yield { index, event: result.value }
    }
  } finally {
    deps.signal.removeEventListener('abort', abort)
    // Heard by nobody from here on.
    for (const pending of waiting.values()) pending.catch(() => {})
    // Nothing is left to stop where all came to their end.
    if (waiting.size > 0) stop.abort(new ZerogError('CANCELLED', { message: 'the answer is not needed any more' }))
  }
}

/** The result, or DEADLINE_EXCEEDED, or the signal's reason as soon as it aborts: a worker that ignores the signal holds nobody. */
export function within<T>(
  work: Promise<T>,
  limitMs: number,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => finish(() => reject(signal.reason))
    const cancel = clock.after(limitMs, () =>
      finish(() => reject(new ZerogError('DEADLINE_EXCEEDED', { message: `the model was silent for ${limitMs} ms` }))),
    )
    const finish = (how: () => void) => {
      cancel()
      signal.removeEventListener('abort', abort)
      how()
    }
    if (signal.aborted) {
      // Nobody waits for it any more; unheard, its failure would end the process.
      work.catch(() => {})
      return abort()
    }
    signal.addEventListener('abort', abort, { once: true })
    work.then(
      (value) => finish(() => resolve(value)),
      (error) => finish(() => reject(error)),
    )
  })
}

/** A race of one costs as much as a race of many. */
function firstOf<T>(waiting: ReadonlyMap<number, Promise<T>>): Promise<T> {
  for (const pending of waiting.values()) return pending
  throw new RangeError('nothing waits')
}

function incomplete(): ZerogError {
  return new ZerogError('DEPENDENCY_UNAVAILABLE', { message: 'the model did not finish its answer', retryAfterMs: 1000 })
}
