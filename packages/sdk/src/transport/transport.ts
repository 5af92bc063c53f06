/** Which face of the gateway a JSON-RPC request goes to. */
export type Face = 'rpc' | 'storage' | 'indexer'

export type RpcRequest = { readonly method: string; readonly params?: readonly unknown[] }

/** How requests reach a network. `httpTransport` is the usual one, `memoryTransport` a network inside the process. */
export type Transport = {
  /** The `result` of a JSON-RPC answer; throws ZerogError. */
  readonly request: (face: Face, request: RpcRequest, options?: { readonly signal?: AbortSignal }) => Promise<unknown>
}
