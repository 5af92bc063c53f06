import type { Client, Clock, Meter, Rpc, RpcService } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { LIMITS } from '../limits.ts'

/** Work that met a target in the middle of its restart. */
export type Hold = {
  /**
   * Repeats `attempt` while the target is away, for as long as a restart takes. A target that has been away for longer fails at once: an
   * outage must not pile up requests.
   */
  readonly run: <T>(target: string, attempt: () => Promise<T>, signal: AbortSignal) => Promise<T>
}

export function createHold(deps: { readonly clock: Clock; readonly meter: Meter }): Hold {
  const { clock } = deps
  const awaySinceMs = new Map<string, number>()
  let held = 0
  deps.meter.gauge({
    name: 'zerog_gateway_held_count',
    help: 'Requests that wait for the successor of a target that is away.',
    read: () => held,
  })
  const ended = deps.meter.counter({
    name: 'zerog_gateway_held_total',
    help: 'Requests that waited for the successor of a target, by that target and outcome: answered, given_up, gone (the client went away).',
    labels: ['dependency', 'outcome'],
  })

  async function wait<T>(target: string, attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let pauseMs: number = LIMITS.holdPauseMs; ; pauseMs = Math.min(pauseMs * 2, LIMITS.holdPauseMaxMs)) {
      await clock.sleep(pauseMs, signal)
      try {
        return await attempt()
      } catch (error) {
        if (!isAway(error) || clock.monotonicMs() - (awaySinceMs.get(target) ?? 0) > LIMITS.holdMs) throw error
      }
    }
  }

  return {
    async run(target, attempt, signal) {
      try {
        const answer = await attempt()
        awaySinceMs.delete(target)
        return answer
      } catch (error) {
        if (!isAway(error) || signal.aborted) throw error
        const nowMs = clock.monotonicMs()
        if (!awaySinceMs.has(target)) awaySinceMs.set(target, nowMs)
        if (nowMs - (awaySinceMs.get(target) ?? nowMs) > LIMITS.holdMs || held >= LIMITS.heldMax) throw error
      }
      held++
      try {
        const answer = await wait(target, attempt, signal)
        awaySinceMs.delete(target)
        ended.add(1, { dependency: target, outcome: 'answered' })
        return answer
      } catch (error) {
        ended.add(1, { dependency: target, outcome: signal.aborted ? 'gone' : 'given_up' })
        throw error
      } finally {
        held--
      }
    },
  }
}

/** A replica that is behind is there: whoever forwards has asked the others. */
function isAway(error: unknown): boolean {
  return error instanceof ZerogError && error.status === 'UNAVAILABLE' && error.reason !== 'REPLICA_BEHIND'
}

/** The same clients; calls without a stream of requests are held, unless their caller wants no repetition. A stream until its first answer. */
export function holdingRpc(rpc: Rpc, hold: Hold): Pick<Rpc, 'client'> {
  return {
    client<S extends RpcService>(service: S, target: string, instance?: number): Client<S> {
      const plain: Record<string, any> = rpc.client(service, target, instance)
      const held = Object.entries(service.methods).map(([key, method]) => {
        const call = plain[key]
        if (method.requestStream) return [key, call]
        return [
          key,
          (request: unknown, options: { readonly signal?: AbortSignal; readonly retriesMax?: number } = {}) => {
            if (options.retriesMax === 0) return call(request, options)
            const signal = options.signal ?? NEVER
            if (method.responseStream) return begun(hold, { target, signal, open: () => call(request, options) })
            return hold.run(target, () => call(request, options), signal)
          },
        ]
      })
      return Object.fromEntries(held) as Client<S> // one per method of the service
    },
  }
}

const NEVER = new AbortController().signal

async function* begun<T>(
  hold: Hold,
  of: { readonly target: string; readonly signal: AbortSignal; readonly open: () => AsyncIterable<T> },
): AsyncGenerator<T> {
  let iterator: AsyncIterator<T> | undefined
  try {
    const first = () => {
      iterator = of.open()[Symbol.asyncIterator]()
      return iterator.next()
    }
    for (let next = await hold.run(of.target, first, of.signal); !next.done; ) {
      yield next.value
      next = await (iterator as unknown as AsyncIterator<T>).next() // set by `first`
    }
  } finally {
    await iterator?.return?.()
  }
}
