import { ZerogError } from '@zerog/primitives'
import { STREAM_WINDOW_BYTES, STREAM_WINDOW_MESSAGES } from '../limits.ts'
import { abortError, callSignal, untilAborted } from './call-signal.ts'
import type { RpcHost } from './host.ts'
import { createPipe, type Pipe } from './pipe.ts'
import { decodeStatus, encodeStatus } from './status.ts'
import type { OutgoingCall, Transport } from './transport.ts'

/**
 * The hosts of one process. A call crosses as bytes, errors as google.rpc.Status, and with the caller's identity, so one process
 * refuses and fails exactly as many processes do.
 */
export type InProcessNetwork = {
  readonly add: (host: RpcHost) => void
  readonly remove: (host: RpcHost) => void
  readonly hosts: () => readonly RpcHost[]
  readonly instances: (target: string) => number
  /** Without `instance` each call goes to the next one that serves. */
  readonly transport: (caller: string, target: string, instance?: number) => Transport
}

export function createInProcessNetwork(): InProcessNetwork {
  const hosts = new Set<RpcHost>()
  const turns = new Map<string, number>()

  const ofTarget = (target: string) => [...hosts].filter((host) => host.target === target)

  function pick(target: string, instance: number | undefined): RpcHost {
    const present = ofTarget(target)
    if (instance !== undefined) {
      const one = present.find((host) => host.instance === instance)
      if (one === undefined) throw notHere(`${target} instance ${instance}`)
      return one
    }
    const serving = present.filter((host) => host.state() === 'serving')
    const candidates = serving.length > 0 ? serving : present
    const turn = turns.get(target) ?? 0
    turns.set(target, turn + 1)
    const next = candidates[turn % candidates.length]
    if (next === undefined) throw notHere(target)
    return next
  }

  return {
    add: (host) => void hosts.add(host),
    remove: (host) => void hosts.delete(host),
    hosts: () => [...hosts],
    instances: (target) => ofTarget(target).length,
    transport: (caller, target, instance) => ({
      async unary(call, request) {
        const host = pick(target, instance)
        try {
          return await untilAborted(host.unary({ ...call, identity: caller }, request), call.signal)
        } catch (error) {
          throw call.signal.aborted ? abortError(call.signal) : received(error)
        }
      },
      stream: (call, requests) => channel(call, requests, () => pick(target, instance), caller),
    }),
  }
}

async function* channel(
  call: OutgoingCall,
  requests: AsyncIterable<Uint8Array>,
  pick: () => RpcHost,
  caller: string,
): AsyncGenerator<Uint8Array> {
  const host = pick()
  const link = callSignal([call.signal])
  const inbound = createBytesPipe()
  const outbound = createBytesPipe()
  let ownFailure: { readonly error: unknown } | undefined
  link.signal.addEventListener('abort', () => {
    inbound.abort(abortError(link.signal))
    outbound.abort(abortError(link.signal))
  })
  pump(requests, inbound, (error) => {
    ownFailure = { error }
    link.abort(error)
  })
  pump(host.stream({ ...call, signal: link.signal, identity: caller }, inbound.readable), outbound, (error) => {
    outbound.fail(link.signal.aborted ? error : received(error))
  })
  try {
    yield* outbound.readable
  } catch (error) {
    throw ownFailure === undefined ? error : ownFailure.error
  } finally {
    link.abort(new ZerogError('CANCELLED', { message: 'the caller has ended the call' }))
    link.release()
  }
}

function createBytesPipe(): Pipe<Uint8Array> {
  return createPipe<Uint8Array>({
    bytes: STREAM_WINDOW_BYTES,
    items: STREAM_WINDOW_MESSAGES,
    sizeOf: (message) => message.length,
  })
}

/** Runs by itself until the source ends, fails, or nobody reads any more. */
function pump(source: AsyncIterable<Uint8Array>, sink: Pipe<Uint8Array>, onFailure: (error: unknown) => void): void {
  const run = async () => {
    for await (const message of source) if (!(await sink.write(message))) return
    sink.end()
  }
  run().catch(onFailure)
}

/** What the error looks like after it crossed a wire: no cause, no stack of the other side, bounded. */
function received(error: unknown): ZerogError {
  const sent = error instanceof ZerogError ? error : new ZerogError('INTERNAL', { message: 'internal error', cause: error })
  return decodeStatus(encodeStatus(sent)) ?? sent
}

function notHere(what: string): ZerogError {
  return new ZerogError('DEPENDENCY_UNAVAILABLE', {
    message: `${what} does not run in this process and the configuration names no peer for it; add it to peers`,
    metadata: { target: what },
  })
}
