/** A span and the context in which its work must run. `end` exactly once. */
export interface TraceScope {
  run<T>(work: () => T): T
  end(error?: unknown): void
}

/**
 * Traces where neither Rpc nor Bus carries them by themselves: HTTP in both directions, and work that is done for several requests at
 * once. A trace is passed on as the text of W3C's `traceparent`.
 */
export interface Traces {
  /** A request from outside; continues the trace that its headers name, if they do. */
  enter(options: {
    readonly name: string
    readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
    readonly requestId?: string
    readonly attributes?: Readonly<Record<string, string | number>>
  }): TraceScope
  /**
   * A step on behalf of requests that are over: it belongs to the trace of the first and is linked to all. Without one that can be
   * read it begins a trace of its own. At most 128 links are kept.
   */
  begin(options: { readonly name: string; readonly of: readonly string[] }): TraceScope
  /** `traceparent` of the running work; undefined outside of any. */
  current(): string | undefined
  /** What a request to another server carries: `traceparent` and `tracestate`, or nothing. */
  headers(): Readonly<Record<string, string>>
}
