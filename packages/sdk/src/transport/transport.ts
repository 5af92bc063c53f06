/** Which face of the gateway a JSON-RPC request goes to. */
export type Face = 'rpc' | 'storage' | 'indexer'

export type RpcRequest = { readonly method: string; readonly params?: readonly unknown[] }

/** How requests reach a network. `httpTransport` is the usual one, `memoryTransport` a network inside the process. */
export type Transport = {
  /** The `result` of a JSON-RPC answer; throws ZerogError. */
  readonly request: (face: Face, request: RpcRequest, options?: { readonly signal?: AbortSignal }) => Promise<unknown>
  /** A REST answer with a status below 400; throws ZerogError. Absent where a network has no REST faces. */
  readonly rest?: (
    request: RestRequest,
    options?: { readonly signal?: AbortSignal; readonly timeoutMs?: number },
  ) => Promise<Response>
}

/** A request to a REST face below the gateway. */
export type RestRequest = {
  readonly method?: 'GET' | 'POST'
  /** From the gateway's root on: `/da/v1/blobs`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | Blob
}
