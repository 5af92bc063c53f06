import { SpanKind } from '@opentelemetry/api'
import type { CallContext, Clock, Endpoint, Logger, Meter, Random, RpcMethod, RpcService } from '@zerog/ports'
import { AssertionError, assert, ZerogError } from '@zerog/primitives'
import { DRAIN_STREAM_IDLE_MS, REQUEST_ID_CHARS_MAX } from '../limits.ts'
import { extractTrace, type Scope, startScope, type Tracing } from '../telemetry/tracing.ts'
import { abortError, type CallSignal, callSignal, untilAborted } from './call-signal.ts'
import { decodeRequest, encodeMessage } from './message.ts'
import { callMetrics } from './metrics.ts'
import { publicError } from './status.ts'
import { type IncomingCall, REQUEST_ID_HEADER } from './transport.ts'

/** Everything that one instance of a target serves, independent of the transport that brings the calls. */
export type RpcHost = {
  readonly target: string
  readonly instance: number
  readonly add: (service: RpcService, endpoints: Readonly<Record<string, Endpoint>>) => void
  /** For health and reflection: any identity of the network may call, even while the module starts or drains. */
  readonly addForEveryone: (service: RpcService, endpoints: Readonly<Record<string, Endpoint>>) => void
  /** Full names of the services, for health and reflection. */
  readonly services: () => readonly string[]
  readonly methods: () => Iterable<{ readonly path: string; readonly streams: boolean }>
  readonly state: () => HostState
  /** Called now and after every change of the state or the services. */
  readonly observe: (listener: () => void) => () => void
  /** The module is ready: waiting calls go on. */
  readonly open: () => void
  /** New calls are refused with SHUTTING_DOWN; health says NOT_SERVING. */
  readonly refuse: () => void
  /** Waits for running calls; ends streams that are idle, and at the deadline everything. True if nothing had to be cut. */
  readonly drain: (timeoutMs: number) => Promise<boolean>
  readonly unary: (call: IncomingCall, request: Uint8Array) => Promise<Uint8Array>
  readonly stream: (call: IncomingCall, requests: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>
}

export type HostState = 'starting' | 'serving' | 'refusing'

export type HostDeps = {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly meter: Meter
  readonly tracing: Tracing
  /** A handler met an AssertionError: our code is wrong and the process should stop. */
  readonly onBug?: (error: AssertionError) => void
}

type Served = { readonly label: string; readonly method: RpcMethod; readonly endpoint: Endpoint; readonly everyone: boolean }

type ActiveCall = {
  readonly served: Served
  readonly context: CallContext
  readonly scope: Scope
  readonly link: CallSignal
  lastMessageMs: number
  readonly fail: (error: unknown) => ZerogError
  readonly end: () => void
}

export function createHost(identity: { readonly target: string; readonly instance: number }, deps: HostDeps): RpcHost {
  const { clock, random } = deps
  const served = new Map<string, Served>()
  const services = new Set<string>()
  const active = new Set<ActiveCall>()
  const observers = new Set<() => void>()
  const metrics = callMetrics(deps.meter, 'server')
  const { promise: opened, resolve: letThrough } = Promise.withResolvers<void>()
  let state: HostState = 'starting'
  let wakeDrain = () => {}

  function announce(next: HostState) {
    state = next
    for (const listener of observers) listener()
  }

  function add(service: RpcService, endpoints: Readonly<Record<string, Endpoint>>, everyone: boolean) {
    assert(!services.has(service.fullName), `${service.fullName} is served twice by ${identity.target}`)
    for (const [key, method] of Object.entries(service.methods)) {
      const endpoint = endpoints[key]
      const label = `${service.fullName}/${method.name}`
      assert(endpoint !== undefined, `${label} has no endpoint in ${identity.target}`)
      assert(
        endpoint.method.name === method.name,
        `the endpoint under ${key} of ${service.fullName} is one for ${endpoint.method.name}`,
      )
      assert(endpoint.allow.length > 0, `${label} allows nobody`)
      served.set(`/${label}`, { label, method, endpoint, everyone })
    }
    services.add(service.fullName)
    announce(state)
  }

  function admit(call: IncomingCall): Served {
    if (call.identity === undefined) {
      throw new ZerogError('UNAUTHENTICATED', { message: `${call.path} needs a certificate of this network` })
    }
    const found = served.get(call.path)
    if (found === undefined) {
      const metadata = { method: call.path, target: identity.target }
      throw new ZerogError('UNIMPLEMENTED', { message: `${identity.target} does not serve ${call.path}`, metadata })
    }
    if (found.everyone) return found
    if (!found.endpoint.allow.includes(call.identity)) {
      const metadata = { method: call.path, identity: call.identity }
      throw new ZerogError('IDENTITY_NOT_ALLOWED', { message: `${call.identity} may not call ${call.path}`, metadata })
    }
    if (state === 'refusing') throw shuttingDown(identity.target)
    return found
  }

  function begin(call: IncomingCall): ActiveCall {
    const requestId = readRequestId(call.headers[REQUEST_ID_HEADER]) ?? random.uuid()
    const startedMs = clock.monotonicMs()
    const { label, found } = admitOrCount(call, requestId, startedMs)
    const peer = call.identity as string // `admit` refuses a call without one
    const scope = startScope(deps.tracing, {
      name: label,
      kind: SpanKind.SERVER,
      parent: extractTrace(call.headers),
      attributes: { 'rpc.system': 'grpc', 'rpc.method': label, 'zerog.caller': peer, 'zerog.target': identity.target },
      requestId,
    })
    const link = callSignal([call.signal])
    let failure: ZerogError | undefined
    const self: ActiveCall = {
      served: found,
      context: { identity: peer, signal: link.signal, requestId },
      scope,
      link,
      lastMessageMs: startedMs,
      fail(error) {
        failure = explain(error, self)
        return failure
      },
      end() {
        if (!active.delete(self)) return
        link.release()
        scope.end(failure)
        metrics.done(label, peer, startedMs, clock.monotonicMs(), failure)
        wakeDrain()
      },
    }
    active.add(self)
    return self
  }

  function admitOrCount(call: IncomingCall, requestId: string, startedMs: number): { label: string; found: Served } {
    try {
      const found = admit(call)
      return { label: found.label, found }
    } catch (error) {
      const known = served.get(call.path)?.label ?? 'unknown'
      metrics.done(known, call.identity === undefined ? 'unknown' : 'refused', startedMs, clock.monotonicMs(), error)
      deps.logger.debug('rpc_refused', { method: known, caller: call.identity, requestId, reason: (error as ZerogError).reason })
      throw error
    }
  }

  /** The aborted signal explains an error better than whatever the handler made of it. */
  function explain(error: unknown, call: ActiveCall): ZerogError {
    const { signal, requestId } = call.context
    if (signal.aborted && !(error instanceof ZerogError)) return abortError(signal)
    const shown = publicError(error, requestId)
    if (shown !== error) {
      call.scope.run(() => deps.logger.error('rpc_failed', { method: call.served.label, requestId, error }))
      if (error instanceof AssertionError) deps.onBug?.(error)
    }
    return shown
  }

  async function unary(call: IncomingCall, bytes: Uint8Array): Promise<Uint8Array> {
    const self = begin(call)
    try {
      const { method, endpoint, label } = self.served
      if (state === 'starting' && !self.served.everyone) await untilAborted(opened, self.context.signal)
      const request = decodeRequest(method.requestType, bytes, label)
      const response = await self.scope.run(() => endpoint.handle(request, self.context))
      return encodeMessage(method.responseType, response, label)
    } catch (error) {
      throw self.fail(error)
    } finally {
      self.end()
    }
  }

  async function* stream(call: IncomingCall, incoming: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const self = begin(call)
    let closing: Promise<unknown> | undefined
    try {
      const { method, endpoint, label } = self.served
      const { signal } = self.context
      if (state === 'starting' && !self.served.everyone) await untilAborted(opened, signal)
      const requests = decodeAll(incoming, self)
      const request = method.requestStream ? requests : await onlyOne(requests, label)
      const answer: unknown = self.scope.run(() => endpoint.handle(request, self.context))
      if (!method.responseStream) {
        yield encodeMessage(method.responseType, await untilAborted(answer as Promise<unknown>, signal), label)
        return
      }
      const iterator = (answer as AsyncIterable<unknown>)[Symbol.asyncIterator]()
      try {
        for (;;) {
          const next = await untilAborted(
            self.scope.run(() => iterator.next()),
            signal,
          )
          if (next.done === true) break
          self.lastMessageMs = clock.monotonicMs()
          yield encodeMessage(method.responseType, next.value, label)
          self.lastMessageMs = clock.monotonicMs()
        }
      } finally {
        // A handler that is stuck must not hold its caller, but drain waits for it.
        closing = self.scope.run(() => iterator.return?.())
      }
    } catch (error) {
      throw self.fail(error)
    } finally {
      self.link.abort(new ZerogError('CANCELLED', { message: 'the call has ended' }))
      Promise.resolve(closing)
        .catch(() => {})
        .finally(self.end)
    }
  }

  async function* decodeAll(incoming: AsyncIterable<Uint8Array>, self: ActiveCall): AsyncGenerator<unknown> {
    for await (const bytes of incoming) {
      self.lastMessageMs = clock.monotonicMs()
      yield decodeRequest(self.served.method.requestType, bytes, self.served.label)
    }
  }

  async function drain(timeoutMs: number): Promise<boolean> {
    const startedMs = clock.monotonicMs()
    const endsMs = startedMs + timeoutMs
    while (active.size > 0) {
      const nowMs = clock.monotonicMs()
      if (nowMs >= endsMs) break
      let nextMs = endsMs
      for (const call of active) {
        if (!call.served.method.requestStream && !call.served.method.responseStream) continue
        // One that follows the chain is never idle while blocks come, and never done.
        const sinceMs = isEndless(call.served.method) ? Math.min(call.lastMessageMs, startedMs) : call.lastMessageMs
        const idleAtMs = sinceMs + DRAIN_STREAM_IDLE_MS
        if (idleAtMs <= nowMs) call.link.abort(shuttingDown(identity.target))
        else nextMs = Math.min(nextMs, idleAtMs)
      }
      await new Promise<void>((resolve) => {
        const cancel = clock.after(nextMs - nowMs, resolve)
        wakeDrain = () => {
          cancel()
          resolve()
        }
      })
    }
    const cut = active.size
    for (const call of [...active]) {
      call.link.abort(shuttingDown(identity.target))
      deps.logger.warn('rpc_cut_at_shutdown', { method: call.served.label, requestId: call.context.requestId })
    }
    return cut === 0
  }

  return {
    ...identity,
    add: (service, endpoints) => add(service, endpoints, false),
    addForEveryone: (service, endpoints) => add(service, endpoints, true),
    services: () => [...services],
    methods: () => [...served].map(([path, { method }]) => ({ path, streams: method.requestStream || method.responseStream })),
    state: () => state,
    observe(listener) {
      observers.add(listener)
      return () => observers.delete(listener)
    },
    open() {
      assert(state === 'starting', `${identity.target} opens twice`)
      announce('serving')
      letThrough()
    },
    refuse: () => announce('refusing'),
    drain,
    unary,
    stream,
  }
}

/** Subscriptions and connections, by the names that our protocols give them: their callers go on elsewhere from where they were. */
function isEndless({ name }: RpcMethod): boolean {
  return name.startsWith('Watch') || name === 'Connect'
}

async function onlyOne(requests: AsyncGenerator<unknown>, label: string): Promise<unknown> {
  const first = await requests.next()
  if (first.done === true) throw new ZerogError('INVALID_ARGUMENT', { message: `${label} needs one request message` })
  return first.value
}

function shuttingDown(target: string): ZerogError {
  return new ZerogError('SHUTTING_DOWN', { message: `${target} is shutting down; call another instance` })
}

/** Taken over only if it cannot disturb a log line. */
function readRequestId(text: string | undefined): string | undefined {
  return text !== undefined && text.length <= REQUEST_ID_CHARS_MAX && /^[\w.:-]+$/.test(text) ? text : undefined
}
