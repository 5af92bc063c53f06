import type { CallContext, Endpoint, RpcMethod } from '@zerog/ports'
import { AssertionError, REASONS, type Reason, ZerogError } from '@zerog/primitives'
import type { Incarnation } from './incarnation.ts'
import { Channel, type Frame, Inbox, type WireError } from './rpc-channel.ts'
import type { Sim } from './sim.ts'

/** How long nothing may be heard of the other side before a connection counts as dead. */
const KEEPALIVE_US = 20_000_000

export type ServedMethod = { readonly method: RpcMethod; readonly endpoint: Endpoint<any> }

export type CallOptions = {
  readonly sim: Sim
  readonly caller: { readonly life: Incarnation; readonly identity: string }
  readonly server: Incarnation
  readonly name: string
  readonly requestId: string
  /** Resolves when the server is up and knows its methods. */
  readonly find: () => Promise<ServedMethod | undefined>
}

/** One call: two channels, the caller's inbox and the server's handler, and what breaks between them. */
export class SimCall {
  /** What came back, still encoded. */
  readonly responses: Inbox<Uint8Array>
  readonly #options: CallOptions
  readonly #requests: Inbox<Uint8Array>
  readonly #up: Channel
  readonly #down: Channel
  readonly #serving = new AbortController()
  readonly #forget: (() => void)[]
  #isOver = false

  constructor(options: CallOptions) {
    const { sim, caller, server, name, requestId } = options
    const label = `${name} ${requestId}`
    const { network } = sim
    this.#options = options
    const onBroken = () => this.#break('the connection broke')
    this.#up = new Channel({ from: caller.life, to: server, network, label, onFrame: (frame) => this.#atServer(frame), onBroken })
    this.#down = new Channel({
      from: server,
      to: caller.life,
      network,
      label,
      onFrame: (frame) => this.#atCaller(frame),
      onBroken,
    })
    this.#requests = new Inbox(() => this.#up.consumed())
    this.responses = new Inbox(() => this.#down.consumed())
    this.#forget = [
      server.atDeath(() => this.#later(sim.faults.stream('network.reset').chance(0.5) ? sim.network.latencyUs() : KEEPALIVE_US)),
      caller.life.atDeath(() => this.#break('the caller went away')),
    ]
    void this.#up.send({ kind: 'open' })
    if (sim.faults.roll('network.reset')) this.#later(sim.faults.stream('network.reset').below(20_000))
  }

  async send(bytes: Uint8Array): Promise<void> {
    await this.#up.send({ kind: 'message', bytes })
  }

  endRequests(): void {
    void this.#up.send({ kind: 'end' })
  }

  /** The caller does not want the answer any more. */
  cancel(error: unknown): void {
    this.responses.end({ error })
    this.#break('the caller cancelled')
  }

  #later(delayUs: number): void {
    if (this.#isOver) return
    const run = () => this.#break('the connection broke')
    this.#options.sim.schedule({ delayUs, kind: 'network.reset', detail: this.#options.name, run })
  }

  /** Ends both sides, each when it hears of it. */
  #break(why: string): void {
    if (this.#isOver) return
    this.#over()
    const { sim, caller, server, name } = this.#options
    const error = new ZerogError('DEPENDENCY_UNAVAILABLE', { message: `${name}: ${why}`, metadata: { method: name } })
    sim.schedule({ delayUs: 0, owner: caller.life, kind: 'rpc.broken', detail: name, run: () => this.responses.end({ error }) })
    const run = () => {
      this.#serving.abort(error)
      this.#requests.end({ error })
    }
    sim.schedule({ delayUs: sim.network.latencyUs(), owner: server, kind: 'rpc.aborted', detail: name, run })
  }

  #over(): void {
    this.#isOver = true
    this.#up.close()
    this.#down.close()
    for (const forget of this.#forget) forget()
  }

  #atServer(frame: Frame): void {
    if (frame.kind === 'open') void this.#serve()
    else if (frame.kind === 'message') this.#requests.push(frame.bytes)
    else this.#requests.end()
  }

  #atCaller(frame: Frame): void {
    if (frame.kind === 'message') return this.responses.push(frame.bytes)
    if (frame.kind !== 'end') return
    this.#over()
    this.responses.end(frame.error ? { error: fromWire(frame.error) } : {})
  }

  async #serve(): Promise<void> {
    const { server, requestId } = this.#options
    const onStop = () => this.#serving.abort(server.stopping.signal.reason)
    server.stopping.signal.addEventListener('abort', onStop, { once: true })
    try {
      await this.#handle()
      await this.#down.send({ kind: 'end' })
    } catch (error) {
      if (error instanceof AssertionError) this.#options.sim.fail(error)
      await this.#down.send({ kind: 'end', error: toWire(error, requestId) })
    } finally {
      server.stopping.signal.removeEventListener('abort', onStop)
    }
  }

  async #handle(): Promise<void> {
    const { caller, find, name, requestId } = this.#options
    const served = await find()
    if (served === undefined) throw new ZerogError('NOT_FOUND', { message: `${name} is not served here` })
    const { method, endpoint } = served
    if (!endpoint.allow.includes(caller.identity)) {
      throw new ZerogError('IDENTITY_NOT_ALLOWED', {
        message: `${caller.identity} may not call ${name}`,
        metadata: { identity: caller.identity, method: name },
      })
    }
    const context: CallContext = { identity: caller.identity, signal: this.#serving.signal, requestId }
    const request = method.requestStream ? this.#decoded(method) : await this.#only(method)
    const result: unknown = endpoint.handle(request, context)
    if (!method.responseStream) return this.#down.send({ kind: 'message', bytes: encode(method, await result) })
    // The method's descriptor says that its handler returns a stream.
    for await (const message of result as AsyncIterable<unknown>)
      await this.#down.send({ kind: 'message', bytes: encode(method, message) })
  }

  async *#decoded(method: RpcMethod): AsyncGenerator<unknown> {
    for await (const bytes of this.#requests) yield method.requestType.decode(bytes)
  }

  async #only(method: RpcMethod): Promise<unknown> {
    const first = await this.#requests.next()
    if (first.done) throw new ZerogError('INVALID_ARGUMENT', { message: `${this.#options.name} came without a request` })
    return method.requestType.decode(first.value)
  }
}

/** The bytes alone, as a wire carries them: nothing is shared between the two sides. */
function encode(method: RpcMethod, message: unknown): Uint8Array {
  return new Uint8Array(method.responseType.encode(message).finish())
}

/** What is not ours to tell stays here: the caller gets the request's id to ask about. */
function toWire(error: unknown, requestId: string): WireError {
  if (error instanceof ZerogError && error.reason !== 'INTERNAL') {
    const { reason, message, metadata, retryAfterMs } = error
    return { reason, message, metadata, ...(retryAfterMs !== undefined && { retryAfterMs }) }
  }
  return {
    reason: 'INTERNAL',
    message: `internal error; the server's log has it under request ${requestId}`,
    metadata: { requestId },
  }
}

function fromWire({ reason, ...details }: WireError): ZerogError {
  return new ZerogError(reason in REASONS ? (reason as Reason) : 'INTERNAL', details)
}
