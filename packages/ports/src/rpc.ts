/** What ts-proto generates for a message (`outputServices=generic-definitions`). */
export interface MessageCodec<T> {
  encode(message: T): { finish(): Uint8Array }
  decode(input: Uint8Array): T
}

export type RpcMethod<Req = any, Res = any, ReqStream extends boolean = boolean, ResStream extends boolean = boolean> = {
  readonly name: string
  readonly requestType: MessageCodec<Req>
  readonly requestStream: ReqStream
  readonly responseType: MessageCodec<Res>
  readonly responseStream: ResStream
  readonly options: unknown
}

export type RpcService = {
  readonly name: string
  readonly fullName: string
  readonly methods: Readonly<Record<string, RpcMethod>>
}

export type CallContext = {
  /** The caller's target name out of its certificate's `spiffe://<network>/<target>`, e.g. `gateway`, `developer`. */
  readonly identity: string
  /** Aborts when the caller goes away, the deadline passes or the server stops. Hand it to everything. */
  readonly signal: AbortSignal
  readonly requestId: string
}

type Codec<M> = M extends MessageCodec<infer T> ? T : never
export type RequestOf<M extends RpcMethod> = Codec<M['requestType']>
export type ResponseOf<M extends RpcMethod> = Codec<M['responseType']>

/** unary, client-streaming, server-streaming or bidirectional, as the method says. Errors are thrown as ZerogError. */
export type Handler<M extends RpcMethod> = (
  request: M['requestStream'] extends true ? AsyncIterable<RequestOf<M>> : RequestOf<M>,
  context: CallContext,
) => M['responseStream'] extends true ? AsyncIterable<ResponseOf<M>> : Promise<ResponseOf<M>>

/** One RPC with who may call it. One file per RPC exports one of these. */
export type Endpoint<M extends RpcMethod = RpcMethod> = {
  readonly method: M
  /** Targets that may call; `developer` is the identity of people and tools. Never empty: an RPC that nobody may call is not served. */
  readonly allow: readonly string[]
  readonly handle: Handler<M>
}

export type CallOptions = {
  readonly signal?: AbortSignal
  /** Default 10,000 for unary calls; streams have none unless given. */
  readonly timeoutMs?: number
  /** Retries of UNAVAILABLE with jittered backoff; only for idempotent calls. Default 3 for unary, none for streams. */
  readonly retriesMax?: number
}

export type Client<S extends RpcService> = {
  readonly [K in keyof S['methods']]: (
    request: S['methods'][K]['requestStream'] extends true
      ? AsyncIterable<RequestOf<S['methods'][K]>>
      : RequestOf<S['methods'][K]>,
    options?: CallOptions,
  ) => S['methods'][K]['responseStream'] extends true
    ? AsyncIterable<ResponseOf<S['methods'][K]>>
    : Promise<ResponseOf<S['methods'][K]>>
}

export interface Rpc {
  /** Serves all methods of a service; a method without an endpoint is a programming error. */
  serve<S extends RpcService>(service: S, endpoints: { readonly [K in keyof S['methods']]: Endpoint<any> }): void
  /** A client for a target. `instance` picks one replica; without it calls spread over all (round robin, client side). */
  client<S extends RpcService>(service: S, target: string, instance?: number): Client<S>
  /** How many instances of a target are known. */
  instances(target: string): number
}
