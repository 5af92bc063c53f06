import type { Headers } from '../telemetry/tracing.ts'

/** Names of the headers that cross with every call, beside `traceparent` and `tracestate`. */
export const REQUEST_ID_HEADER = 'x-request-id'

/** A call on its way out. Messages are encoded already. */
export type OutgoingCall = {
  /** `/zerog.chain.v1.ChainService/GetHead` */
  readonly path: string
  readonly headers: Readonly<Headers>
  /** Carries the deadline too. */
  readonly signal: AbortSignal
  /** Milliseconds since the epoch, for the other side's information. */
  readonly deadlineMs?: number
}

/** One way to reach one instance of a target. Errors are ZerogErrors as the other side meant them. */
export type Transport = {
  readonly unary: (call: OutgoingCall, request: Uint8Array) => Promise<Uint8Array>
  readonly stream: (call: OutgoingCall, requests: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>
}

/** A call on its way in. */
export type IncomingCall = {
  readonly path: string
  /** Undefined: the transport could not establish who calls. */
  readonly identity: string | undefined
  readonly headers: Readonly<Headers>
  /** Aborts when the caller goes away or its deadline passes. */
  readonly signal: AbortSignal
}
