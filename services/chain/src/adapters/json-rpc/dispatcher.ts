import { randomBytes } from 'node:crypto'
import type { Clock, Logger, Meter } from '@zerog/ports'
import type { Hex } from '@zerog/primitives'
import type { ChainBackend } from '../../app/chain-backend.ts'
import { deadline, untilAborted } from './deadline.ts'
import { type Body, type Call, errorText, isCall, type Malformed, parseBody, resultText } from './envelope.ts'
import { CODE, JsonRpcError, methodNotFound, timedOut, toJsonRpcError } from './errors.ts'
import type { Filters } from './filters.ts'
import type { JsonRpcLimits } from './limits.ts'
import type { ManyMethod, MethodContext, Outcome } from './method.ts'
import type { Lookup } from './methods/registry.ts'
import type { Subscriptions } from './subscriptions.ts'
import { untilShown } from './until-shown.ts'

export type Dispatcher = {
  /** Executes one HTTP body or WebSocket frame. Never throws; '' when there is nothing to answer (only notifications). */
  run(
    bytes: Uint8Array,
    options: { readonly signal: AbortSignal; readonly subscriptions: Subscriptions | undefined },
  ): Promise<{ readonly text: string; readonly height: bigint }>
}

export type DispatcherDeps = {
  readonly backend: ChainBackend
  readonly filters: Filters
  readonly clock: Clock
  readonly logger: Logger
  readonly meter: Meter
  /** The method of a name; undefined where there is none. A hint says how it could come into being. */
  readonly lookup: Lookup
}

export function createDispatcher(limits: JsonRpcLimits, deps: DispatcherDeps): Dispatcher {
  const observe = instruments(deps.meter)
  const runId = randomBytes(4).toString('hex')
  let requests = 0

  /** The text of one answer. */
  const answer = async (item: Call | Malformed, context: MethodContext): Promise<string> => {
    if (!isCall(item)) {
      observe('unknown', 'invalid', 0)
      return errorText(item.rawId, item.error)
    }
    const startedMs = deps.clock.monotonicMs()
    const found = deps.lookup(item.method)
    const name = found !== undefined && 'method' in found ? item.method : 'unknown'
    const rawId = item.rawId ?? 'null'
    try {
      if (found === undefined || 'hint' in found) throw methodNotFound(item.method, found?.hint)
      const result = await untilAborted(context.signal, () => found.method(context, item.params))
      const text = resultText(rawId, result)
      observe(name, 'ok', deps.clock.monotonicMs() - startedMs)
      return text
    } catch (error) {
      return failed(error, { rawId, name, startedMs })
    }
  }

  const failed = (
    error: unknown,
    item: { readonly rawId: string; readonly name: string; readonly startedMs: number },
  ): string => {
    const { rawId, name, startedMs } = item
    const requestId = `${runId}-${++requests}`
    const shown = toJsonRpcError(error, requestId)
    const ours = shown.code === CODE.internal && shown !== error
    if (ours) deps.logger.error('rpc_request_failed', { requestId, method: name, error })
    observe(name, ours ? 'failed' : 'refused', deps.clock.monotonicMs() - startedMs)
    return errorText(rawId, shown)
  }

  /** The texts of consecutive requests of one method that does many at once. */
  const answerMany = async (many: ManyMethod, calls: readonly Call[], context: MethodContext): Promise<readonly string[]> => {
    const startedMs = deps.clock.monotonicMs()
    const name = calls[0]?.method as string // a run is not empty
    const params = calls.map((call) => call.params)
    let outcomes: readonly Outcome[]
    try {
      outcomes = await untilAborted(context.signal, () => many(context, params))
    } catch (error) {
      outcomes = calls.map(() => ({ error }))
    }
    const durationMs = deps.clock.monotonicMs() - startedMs
    let answered = 0
    const texts = calls.map(({ rawId = 'null' }, index) => {
      const outcome = outcomes[index] as Outcome // one for each call
      if ('error' in outcome) return failed(outcome.error, { rawId, name, startedMs })
      answered += 1
      return resultText(rawId, outcome.result)
    })
    if (answered > 0) observe(name, 'ok', durationMs, answered)
    return texts
  }

  /** From `first` on: the requests that are answered together, at least one. */
  const nextRun = (
    items: Body['items'],
    first: number,
  ): { readonly run: Body['items']; readonly many: ManyMethod | undefined } => {
    const head = items[first] as Call | Malformed // within the batch
    const found = isCall(head) ? deps.lookup(head.method) : undefined
    if (!isCall(head) || found === undefined || !('many' in found) || found.many === undefined)
      return { run: [head], many: undefined }
    let end = first + 1
    for (let next = items[end]; next !== undefined && isCall(next) && next.method === head.method; next = items[end]) end++
    return { run: items.slice(first, end), many: found.many }
  }

  const answerBatch = async (body: Body, context: MethodContext): Promise<string> => {
    if (body.items.length === 0) return errorText('null', new JsonRpcError(CODE.invalidRequest, 'empty batch'))
    if (body.items.length > limits.batchItemsMax) {
      const first = body.items.find((item) => isCall(item) && item.rawId !== undefined)
      return `[${errorText(first?.rawId ?? 'null', new JsonRpcError(CODE.invalidRequest, 'batch too large'))}]`
    }
    const parts: string[] = []
    let sizeBytes = 2
    let refusal: JsonRpcError | undefined
    for (let first = 0; first < body.items.length; ) {
      const { run, many } = nextRun(body.items, first)
      first += run.length
      // What is left when time or space ran out is answered as such, each with its own id.
      if (refusal === undefined && context.signal.aborted) refusal = toJsonRpcError(context.signal.reason ?? timedOut(), runId)
      const texts =
        refusal !== undefined
          ? []
          : many === undefined
            ? [await answer(run[0] as Call | Malformed, context)] // a run is not empty
            : await answerMany(many, run as readonly Call[], context) // only calls run together
      for (const [index, { rawId }] of run.entries()) {
        let text = texts[index]
        if (refusal === undefined && sizeBytes + Buffer.byteLength(text ?? '') > limits.responseBytesMax) refusal = tooLarge()
        if (refusal !== undefined) text = errorText(rawId ?? 'null', refusal)
        if (rawId === undefined || text === undefined) continue
        sizeBytes += Buffer.byteLength(text) + 1
        parts.push(text)
      }
    }
    return parts.length === 0 ? '' : `[${parts.join(',')}]`
  }

  const answerSingle = async (item: Call | Malformed, context: MethodContext): Promise<string> => {
    const text = await answer(item, context)
    if (item.rawId === undefined) return ''
    return Buffer.byteLength(text) > limits.responseBytesMax ? errorText(item.rawId, tooLarge()) : text
  }

  return {
    async run(bytes, { signal, subscriptions }) {
      const { backend, clock, filters } = deps
      const limit = deadline({ timeoutMs: limits.requestTimeoutMs, outer: signal }, { clock })
      const sent: Hex[] = []
      const context: MethodContext = { backend, clock, filters, limits, sent, signal: limit.signal, subscriptions }
      let text: string
      try {
        const body = parseBody(bytes)
        const [first] = body.items
        text = body.batch || first === undefined ? await answerBatch(body, context) : await answerSingle(first, context)
        const last = sent.at(-1)
        if (last !== undefined && limits.sendWaitMs > 0) await untilShown(last, limits.sendWaitMs, context)
      } catch (error) {
        text = errorText('null', toJsonRpcError(error, runId))
      } finally {
        limit.cancel()
      }
      // Read last: not below anything that the answer shows.
      return { text, height: backend.head().header.height }
    },
  }
}

function tooLarge(): JsonRpcError {
  return new JsonRpcError(CODE.responseTooLarge, 'response too large')
}

type Answered = 'ok' | 'refused' | 'failed' | 'invalid'

function instruments(meter: Meter): (method: string, outcome: Answered, durationMs: number, count?: number) => void {
  const requests = meter.counter({
    name: 'zerog_chain_rpc_requests_total',
    help: 'JSON-RPC requests by method (unknown: none of ours) and outcome.',
    labels: ['method', 'outcome'],
  })
  const durations = meter.histogram({
    name: 'zerog_chain_rpc_request_seconds',
    help: 'Time from the decoded request to its encoded answer; once for requests of a batch that are answered together.',
    labels: ['method'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
  })
  return (method, outcome, durationMs, count = 1) => {
    requests.add(count, { method, outcome })
    durations.observe(durationMs / 1000, { method })
  }
}
