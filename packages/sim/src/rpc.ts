import type { CallOptions, Client, Clock, Endpoint, Rpc, RpcMethod, RpcService } from '@zerog/ports'
import { assert, ZerogError } from '@zerog/primitives'
import type { Incarnation } from './incarnation.ts'
import type { SimNode } from './node.ts'
import type { Prng } from './prng.ts'
import { type ServedMethod, SimCall } from './rpc-call.ts'
import type { Sim } from './sim.ts'
import { never } from './world.ts'

type RpcDeps = {
  readonly sim: Sim
  readonly life: Incarnation
  readonly node: SimNode<any>
  readonly clock: Clock
  readonly prng: Prng
}

const UNARY_TIMEOUT_MS = 10_000
const UNARY_RETRIES_MAX = 3

/** What each life serves, by `<full service name>/<method>`. */
const served = new WeakMap<Incarnation, Map<string, ServedMethod>>()

/** The `Rpc` port over the simulated network. Every message is encoded and decoded, so nothing is shared by accident. */
export class SimRpc implements Rpc {
  readonly #deps: RpcDeps
  #next = 0
  #calls = 0

  constructor(deps: RpcDeps) {
    this.#deps = deps
  }

  serve<S extends RpcService>(service: S, endpoints: { readonly [K in keyof S['methods']]: Endpoint<any> }): void {
    const mine = served.get(this.#deps.life) ?? new Map<string, ServedMethod>()
    served.set(this.#deps.life, mine)
    for (const [key, method] of Object.entries(service.methods)) {
      const endpoint = endpoints[key]
      assert(endpoint, `${service.fullName}/${method.name} has no endpoint`)
      assert(endpoint.allow.length > 0, `${service.fullName}/${method.name} may be called by nobody`)
      mine.set(`${service.fullName}/${method.name}`, { method, endpoint })
    }
  }

  client<S extends RpcService>(service: S, target: string, instance?: number): Client<S> {
    const methods = Object.entries(service.methods).map(([key, method]) => {
      const name = `${service.fullName}/${method.name}`
      const open = () => this.#open(name, target, instance)
      const call = (request: any, options: CallOptions = {}) =>
        method.responseStream
          ? this.#stream(method, { request, options, open })
          : this.#single(method, { request, options, open })
      return [key, call] as const
    })
    return Object.fromEntries(methods) as Client<S>
  }

  instances(target: string): number {
    return this.#deps.sim.network.instances(target).length
  }

  /** A connection to one instance, or the error that there is none. */
  #open(name: string, target: string, instance: number | undefined): SimCall {
    const { sim, life, node } = this.#deps
    const all = sim.network.instances(target)
    const wanted =
      instance === undefined ? all[this.#next++ % Math.max(1, all.length)] : all.find((one) => one.instance === instance)
    const server = wanted?.life
    if (!wanted || !server?.alive) {
      throw new ZerogError('DEPENDENCY_UNAVAILABLE', { message: `no ${target} answers`, metadata: { target } })
    }
    const find = async () => {
      await wanted.whenUp(server)
      return served.get(server)?.get(name)
    }
    const requestId = `${life.name}.${life.number}.${++this.#calls}`
    return new SimCall({ sim, caller: { life, identity: node.target }, server, name, requestId, find })
  }

  async #single(method: RpcMethod, call: CallSetup): Promise<unknown> {
    const { life, clock, prng } = this.#deps
    if (!life.alive) return never()
    const { timeoutMs = method.requestStream ? undefined : UNARY_TIMEOUT_MS, retriesMax, signal } = call.options
    const untilMs = clock.monotonicMs() + (timeoutMs ?? Number.POSITIVE_INFINITY)
    const attempts = 1 + (method.requestStream ? 0 : (retriesMax ?? UNARY_RETRIES_MAX))
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(method, call, untilMs)
      } catch (error) {
        const isTransient = error instanceof ZerogError && error.status === 'UNAVAILABLE'
        if (!isTransient || attempt >= attempts || clock.monotonicMs() >= untilMs || signal?.aborted) throw error
        await clock.sleep(prng.below(50 * 2 ** attempt), signal)
      }
    }
  }

  async #attempt(method: RpcMethod, call: CallSetup, untilMs: number): Promise<unknown> {
    const iterator = this.#responses(method, call, untilMs)
    try {
      const first = await iterator.next()
      if (first.done) throw new ZerogError('INTERNAL', { message: 'the server ended the call without an answer' })
      // The status comes after the message, and only it says that the call succeeded.
      await iterator.next()
      return first.value
    } finally {
      await iterator.return(undefined)
    }
  }

  #stream(method: RpcMethod, call: CallSetup): AsyncIterable<unknown> {
    const { timeoutMs = Number.POSITIVE_INFINITY } = call.options
    return this.#responses(method, call, this.#deps.clock.monotonicMs() + timeoutMs)
  }

  async *#responses(method: RpcMethod, { request, options, open }: CallSetup, untilMs: number): AsyncGenerator<unknown> {
    const { life, clock } = this.#deps
    if (!life.alive) await never()
    // Even a refused connection takes a round trip.
    await clock.sleep(0)
    options.signal?.throwIfAborted()
    const call = open()
    const leftMs = untilMs - clock.monotonicMs()
    const onAbort = () => call.cancel(cancelled(options.signal))
    const onDeadline = () => call.cancel(new ZerogError('DEADLINE_EXCEEDED', { message: 'the call did not end in time' }))
    const cancelDeadline = Number.isFinite(leftMs) ? clock.after(Math.max(0, leftMs), onDeadline) : () => {}
    options.signal?.addEventListener('abort', onAbort, { once: true })
    try {
      feed(method, request, call).catch((error) => call.cancel(error))
      for await (const bytes of call.responses) yield method.responseType.decode(bytes)
    } finally {
      cancelDeadline()
      options.signal?.removeEventListener('abort', onAbort)
      // Harmless when the call is over; otherwise the reader left and the server has to hear of it.
      call.cancel(cancelled(options.signal))
    }
  }
}

type CallSetup = { readonly request: any; readonly options: CallOptions; readonly open: () => SimCall }

async function feed(method: RpcMethod, request: any, call: SimCall): Promise<void> {
  const encode = (message: unknown) => new Uint8Array(method.requestType.encode(message).finish())
  if (!method.requestStream) await call.send(encode(request))
  else for await (const message of request) await call.send(encode(message))
  call.endRequests()
}

function cancelled(signal: AbortSignal | undefined): unknown {
  return signal?.reason instanceof ZerogError
    ? signal.reason
    : new ZerogError('CANCELLED', { message: 'the caller gave up the call' })
}
