import {
  type ChannelOptions,
  Metadata,
  Server,
  type ServerDuplexStream,
  type ServerErrorResponse,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { ZerogError } from '@zerog/primitives'
import {
  CONCURRENT_STREAMS_MAX,
  CONNECTION_AGE_GRACE_MS,
  CONNECTION_AGE_MS_MAX,
  FLOW_CONTROL_WINDOW_BYTES,
  KEEPALIVE_TIME_MS,
  KEEPALIVE_TIMEOUT_MS,
  MESSAGE_BYTES_MAX,
} from '../limits.ts'
import type { TlsIdentity } from '../tls/credentials.ts'
import { identityOf } from '../tls/names.ts'
import { asBuffer, createMessageWriter, readMessages } from './grpc-stream.ts'
import type { RpcHost } from './host.ts'
import { type Listen, portProblem } from './listen.ts'
import { encodeStatus, GRPC_CODE, publicError } from './status.ts'
import { type IncomingCall, REQUEST_ID_HEADER } from './transport.ts'

export const STATUS_DETAILS_KEY = 'grpc-status-details-bin'

export type GrpcServer = {
  readonly port: number
  /** No new connections and calls; waits for running ones until the deadline, then cuts. True if nothing had to be cut. */
  readonly close: (timeoutMs: number) => Promise<boolean>
}

const OPTIONS: ChannelOptions = {
  'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
  'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
  'grpc.max_concurrent_streams': CONCURRENT_STREAMS_MAX,
  'grpc.keepalive_time_ms': KEEPALIVE_TIME_MS,
  'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
  'grpc.max_connection_age_ms': CONNECTION_AGE_MS_MAX,
  'grpc.max_connection_age_grace_ms': CONNECTION_AGE_GRACE_MS,
  'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW_BYTES,
}

/** Opens the network door of a host. Mutual TLS only; the caller is whoever its certificate names. */
export async function startGrpcServer(options: {
  readonly host: RpcHost
  /** Callers of another network than this are nobody; undefined where the credentials alone decide who may come (foreign.ts). */
  readonly identity: Pick<TlsIdentity, 'forServer'> & { readonly network: string | undefined }
  readonly listen: Listen
  /** Overrides for tests. */
  readonly channelOptions?: ChannelOptions
}): Promise<GrpcServer> {
  const { identity, listen } = options
  return serveGrpc(options, async (server) => ({ port: await bind(server, identity, listen), close: () => {} }))
}

/** The same behind a listener of its own, which hands over connections whose certificate it has checked. */
export async function serveGrpc(
  options: {
    readonly host: RpcHost
    readonly identity: { readonly network: string | undefined }
    readonly channelOptions?: ChannelOptions
  },
  listenWith: (server: Server) => Promise<{ readonly port: number; readonly close: () => void }>,
): Promise<GrpcServer> {
  const { host, identity } = options
  const server = new Server({ ...OPTIONS, ...options.channelOptions })
  const callers = createCallerNames(identity.network)
  const registered = new Set<string>()

  const stopObserving = host.observe(registerAll)
  registerAll()

  function registerAll() {
    for (const { path, streams } of host.methods()) {
      if (registered.has(path)) continue
      registered.add(path)
      // On the wire every streaming kind is the same, so one handler serves all three.
      if (streams)
        server.register(path, (call: ServerDuplexStream<Buffer, Buffer>) => serveStream(path, call), same, same, 'bidi')
      else {
        const serve = (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => serveUnary(path, call, reply)
        server.register(path, serve, same, same, 'unary')
      }
    }
  }

  function accept(path: string, call: ServerUnaryCall<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>): IncomingCall {
    const gone = new AbortController()
    call.on('cancelled', () => gone.abort(cancelledBy(call.getDeadline())))
    return {
      path,
      identity: callers(call.getAuthContext().sslPeerCertificate),
      headers: readHeaders(call.metadata),
      signal: gone.signal,
    }
  }

  function serveUnary(path: string, call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) {
    host.unary(accept(path, call), call.request).then(
      (answer) => reply(null, asBuffer(answer)),
      (error: unknown) => reply(statusOf(error)),
    )
  }

  async function serveStream(path: string, call: ServerDuplexStream<Buffer, Buffer>) {
    try {
      const write = createMessageWriter(call)
      for await (const answer of host.stream(accept(path, call), readMessages(call))) {
        if (!(await write(asBuffer(answer)))) return
      }
      call.end()
    } catch (error) {
      if (!call.destroyed) call.emit('error', statusOf(error))
    }
  }

  const listener = await listenWith(server)
  let closing: Promise<boolean> | undefined
  return {
    port: listener.port,
    close(timeoutMs) {
      stopObserving()
      listener.close()
      closing ??= shut(server, timeoutMs)
      return closing
    },
  }
}

async function bind(server: Server, identity: Pick<TlsIdentity, 'forServer'>, listen: Listen): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const host = listen.address.includes(':') ? `[${listen.address}]` : listen.address
  server.bindAsync(`${host}:${listen.port}`, identity.forServer(), (cause, port) => {
    if (cause === null) resolve(port)
    else reject(portProblem(listen, cause))
  })
  return promise
}

async function shut(server: Server, timeoutMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => {
    server.forceShutdown()
    resolve(false)
  }, timeoutMs)
  server.tryShutdown(() => {
    clearTimeout(timer)
    resolve(true)
  })
  return promise
}

function readHeaders(metadata: Metadata): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of [REQUEST_ID_HEADER, 'traceparent', 'tracestate']) {
    const [value] = metadata.get(name)
    if (typeof value === 'string') headers[name] = value
  }
  return headers
}

/** `host.unary` and `host.stream` throw only what a caller may see. */
function statusOf(error: unknown): ServerErrorResponse {
  const shown = error instanceof ZerogError ? error : publicError(error, 'unknown')
  const metadata = new Metadata()
  metadata.set(STATUS_DETAILS_KEY, asBuffer(encodeStatus(shown)))
  return Object.assign(new Error(shown.message), { code: GRPC_CODE[shown.status], details: shown.message, metadata })
}

function cancelledBy(deadline: Date | number): ZerogError {
  const passed = Number(deadline) <= Date.now()
  return passed
    ? new ZerogError('DEADLINE_EXCEEDED', { message: 'the deadline of the call has passed' })
    : new ZerogError('CANCELLED', { message: 'the caller has gone' })
}

type PeerCertificate = { readonly raw: Buffer; readonly fingerprint256: string }

/** Identities by certificate; parsing one takes longer than a small call. */
function createCallerNames(network: string | undefined): (certificate: PeerCertificate | undefined) => string | undefined {
  const known = new Map<string, string | undefined>()
  return (certificate) => {
    if (certificate === undefined) return undefined
    const key = certificate.fingerprint256
    if (known.has(key)) return known.get(key)
    const identity = identityOf(certificate.raw)
    const name = network === undefined || identity?.network === network ? identity?.target : undefined
    if (known.size >= 1_000) known.clear()
    known.set(key, name)
    return name
  }
}

function same<T>(value: T): T {
  return value
}
