export type HttpAnswer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: HttpBody
}

export type HttpBody = {
  /** Bytes as they come, once. Throws where the connection breaks. Leaving the loop cuts it, unless `finish` was called before. */
  readonly pieces: AsyncIterable<Uint8Array>
  /** All of the body instead. Throws RangeError where it is longer. */
  whole(bytesMax: number): Promise<Uint8Array>
  /** What followed the body; empty before its end. */
  trailers(): Readonly<Record<string, string | undefined>>
  /** Nothing more is wanted: the connection is kept for the next request if the answer ends soon. */
  finish(): void
}

/** HTTP to brokers and upstreams over connections that are kept. Throws ServerUnreachable for what never became an answer. */
export type HttpClient = {
  request(of: {
    readonly method: 'GET' | 'POST'
    readonly url: string
    readonly headers: Readonly<Record<string, string>>
    readonly body?: Uint8Array
    readonly signal: AbortSignal
    /** Until the head of the answer; without it only the signal ends the wait. */
    readonly headMs?: number
  }): Promise<HttpAnswer>
  close(): void
}

/** No answer came. `refused`: there is no server, so it cannot have seen the request. */
export class ServerUnreachable extends Error {
  override readonly name = 'ServerUnreachable'
  readonly refused: boolean

  constructor(message: string, options: { readonly refused: boolean; readonly cause?: unknown }) {
    super(message, { cause: options.cause })
    this.refused = options.refused
  }
}
