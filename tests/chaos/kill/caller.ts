import { ZerogError } from '@zerog/primitives'
import { type Face, gatewayEndpoints, httpTransport, type RpcRequest, type Transport } from '@zerog/sdk'

/** The system broke a promise. Everything else that can go wrong while processes die is an outage. */
export class BrokenPromise extends Error {
  override name = 'BrokenPromise'
}

export function requirePromise(kept: boolean, broken: () => string): asserts kept {
  if (!kept) throw new BrokenPromise(broken())
}

const REQUEST_MS = 15_000
/** One item of work: long enough for a child that is started again with growing pauses. */
const PATIENCE_MS = 120_000
const PAUSE_MS = 50
/** What clients are told while something they need is down. Any other error is one that the kill must not cause. */
const OUTAGE: ReadonlySet<string> = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED'])

export type Caller = {
  /** Like every client: to wherever the gateway is now. */
  readonly transport: Transport
  /** The same past a closed gate, for checks while the workload stands still. */
  readonly direct: Transport
  /** Closed: requests of `transport` wait before they are sent. */
  readonly gate: { readonly close: () => void; readonly open: () => void }
  /** Repeats what an outage interrupted. */
  readonly persist: <T>(what: string, work: () => Promise<T>) => Promise<T>
  /** How often each kind of outage was met. */
  readonly outages: ReadonlyMap<string, number>
  /** After a failure: nothing is tried again. */
  readonly abandon: () => void
}

export function createCaller(options: {
  readonly gatewayUrl: () => string
  /** After each answer of `transport`. */
  readonly onAnswer: (face: Face, request: RpcRequest) => void
}): Caller {
  const outages = new Map<string, number>()
  let abandoned = false
  let gate: { readonly opened: Promise<void>; readonly open: () => void } | undefined

  const direct: Transport = {
    request: (face, request, rest) =>
      httpTransport(gatewayEndpoints(options.gatewayUrl()), { timeoutMs: REQUEST_MS }).request(face, request, rest),
  }
  return {
    outages,
    direct,
    abandon() {
      abandoned = true
    },
    transport: {
      async request(face, request, rest) {
        await gate?.opened
        const answer = await direct.request(face, request, rest)
        options.onAnswer(face, request)
        return answer
      },
    },
    gate: {
      close() {
        const { promise, resolve } = Promise.withResolvers<void>()
        gate = { opened: promise, open: resolve }
      },
      open() {
        gate?.open()
        gate = undefined
      },
    },
    async persist(what, work) {
      const deadlineMs = performance.now() + PATIENCE_MS
      for (;;) {
        try {
          return await work()
        } catch (error) {
          if (abandoned || error instanceof BrokenPromise) throw error
          const known = error instanceof ZerogError
          if (!known || !(OUTAGE.has(error.status) || error.reason === 'UPLOAD_INCOMPLETE')) {
            throw new BrokenPromise(
              `${what}: ${known ? `${error.reason}: ` : ''}${error instanceof Error ? error.message : error}`,
              {
                cause: error,
              },
            )
          }
          outages.set(error.reason, (outages.get(error.reason) ?? 0) + 1)
          if (performance.now() > deadlineMs) {
            throw new BrokenPromise(`${what} did not succeed within ${PATIENCE_MS} ms: ${error.reason}: ${error.message}`, {
              cause: error,
            })
          }
          await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
        }
      }
    },
  }
}
