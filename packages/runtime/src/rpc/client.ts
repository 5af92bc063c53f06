import { SpanKind } from '@opentelemetry/api'
import type { CallOptions, Client, Clock, Meter, Random, RpcMethod, RpcService } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { RETRIES_MAX, RETRY_BACKOFF_FIRST_MS, RETRY_BACKOFF_MAX_MS, UNARY_TIMEOUT_MS } from '../limits.ts'
import { currentIds, injectTrace, type Scope, startScope, type Tracing } from '../telemetry/tracing.ts'
import { abortError, type CallSignal, callSignal } from './call-signal.ts'
import { decodeResponse, encodeMessage } from './message.ts'
import { callMetrics } from './metrics.ts'
import { type OutgoingCall, REQUEST_ID_HEADER, type Transport } from './transport.ts'

export type ClientDeps = {
  readonly clock: Clock
  readonly random: Random
  readonly meter: Meter
  readonly tracing: Tracing
}

/** `pick` is asked anew for every attempt, so that a retry reaches another instance. */
export function createClient<S extends RpcService>(
  service: S,
  options: { readonly target: string; readonly pick: () => Transport },
  deps: ClientDeps,
): Client<S> {
  const calls = createCaller(options, deps)
  const client: Record<string, unknown> = {}
  for (const [key, method] of Object.entries(service.methods)) {
    const label = `${service.fullName}/${method.name}`
    client[key] =
      method.requestStream || method.responseStream
        ? (request: unknown, given: CallOptions = {}) => {
            const answers = calls.stream(label, method, request, given)
            return method.responseStream ? answers : onlyAnswer(answers, label)
          }
        : (request: unknown, given: CallOptions = {}) => calls.unary(label, method, request, given)
  }
  return client as Client<S> // built from the same methods that the type is derived from
}

type Attempted = {
  readonly call: OutgoingCall
  readonly scope: Scope
  readonly link: CallSignal
  readonly end: (error?: unknown) => void
}

function createCaller({ target, pick }: { readonly target: string; readonly pick: () => Transport }, deps: ClientDeps) {
  const { clock, random } = deps
  const metrics = callMetrics(deps.meter, 'client')

  function begin(label: string, given: CallOptions, timeoutMs: number | undefined): Attempted {
    const startedMs = clock.monotonicMs()
    const requestId = currentIds().requestId ?? random.uuid()
    const scope = startScope(deps.tracing, {
      name: label,
      kind: SpanKind.CLIENT,
      attributes: { 'rpc.system': 'grpc', 'rpc.method': label, 'zerog.target': target },
      requestId,
    })
    const link = callSignal(
      [given.signal],
      timeoutMs === undefined ? undefined : { clock, timeoutMs, what: `${target} ${label}` },
    )
    const headers = scope.run(() => injectTrace({ [REQUEST_ID_HEADER]: requestId }))
    const deadline = timeoutMs === undefined ? {} : { deadlineMs: clock.nowMs() + timeoutMs }
    return {
      call: { path: `/${label}`, headers, signal: link.signal, ...deadline },
      scope,
      link,
      end(error) {
        link.release()
        scope.end(error)
        metrics.done(label, target, startedMs, clock.monotonicMs(), error)
      },
    }
  }

  async function unary(label: string, method: RpcMethod, request: unknown, given: CallOptions): Promise<unknown> {
    const { call, scope, end } = begin(label, given, given.timeoutMs ?? UNARY_TIMEOUT_MS)
    try {
      const bytes = encodeMessage(method.requestType, request, label)
      const attempt = () => {
        if (call.signal.aborted) throw abortError(call.signal)
        return scope.run(() => pick().unary(call, bytes))
      }
      const answer = await retrying(
        attempt,
        { retriesMax: given.retriesMax ?? RETRIES_MAX, signal: call.signal },
        { clock, random },
      )
      const response = decodeResponse(method.responseType, answer, label)
      end()
      return response
    } catch (error) {
      end(error)
      throw error
    }
  }

  /** Starts when it is iterated. Retries only before the first answer, only where asked for, never with a stream of requests. */
  async function* stream(label: string, method: RpcMethod, request: unknown, given: CallOptions): AsyncGenerator<unknown> {
    const { call, scope, end } = begin(label, given, given.timeoutMs)
    let failure: unknown
    let iterator: AsyncIterator<Uint8Array> | undefined
    try {
      const open = async () => {
        if (call.signal.aborted) throw abortError(call.signal)
        const answers = scope.run(() =>
          pick().stream(
            call,
            encodeAll(method.requestStream ? (request as AsyncIterable<unknown>) : once(request), method, label),
          ),
        )
        iterator = answers[Symbol.asyncIterator]()
        return iterator.next()
      }
      let next = await retrying(
        open,
        { retriesMax: method.requestStream ? 0 : (given.retriesMax ?? 0), signal: call.signal },
        { clock, random },
      )
      while (next.done !== true) {
        yield decodeResponse(method.responseType, next.value, label)
        next = await (iterator as unknown as AsyncIterator<Uint8Array>).next() // set by `open` before it gave `next`
      }
    } catch (error) {
      failure = error
      throw error
    } finally {
      end(failure)
      await iterator?.return?.()
    }
  }

  return { unary, stream }
}

/** Repeats on UNAVAILABLE with jittered, doubling pauses, or the pause that the other side asked for. */
export async function retrying<T>(
  attempt: () => Promise<T>,
  options: { readonly retriesMax: number; readonly signal: AbortSignal },
  deps: { readonly clock: Clock; readonly random: Random },
): Promise<T> {
  for (let retries = 0; ; retries++) {
    try {
      return await attempt()
    } catch (error) {
      const again = error instanceof ZerogError && error.status === 'UNAVAILABLE' && retries < options.retriesMax
      if (!again || options.signal.aborted) throw error
      const ceilingMs = Math.min(RETRY_BACKOFF_FIRST_MS * 2 ** retries, RETRY_BACKOFF_MAX_MS)
      const delayMs = error.retryAfterMs ?? Math.ceil(ceilingMs / 2) + deps.random.below(Math.ceil(ceilingMs / 2))
      try {
        await deps.clock.sleep(delayMs, options.signal)
      } catch {
        throw abortError(options.signal)
      }
    }
  }
}

async function* encodeAll(messages: AsyncIterable<unknown>, method: RpcMethod, label: string): AsyncGenerator<Uint8Array> {
  for await (const message of messages) yield encodeMessage(method.requestType, message, label)
}

async function* once<T>(message: T): AsyncGenerator<T> {
  yield message
}

async function onlyAnswer(answers: AsyncIterable<unknown>, label: string): Promise<unknown> {
  for await (const answer of answers) return answer
  throw new ZerogError('INTERNAL', { message: `${label} ended without an answer` })
}
