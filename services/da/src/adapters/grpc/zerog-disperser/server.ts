import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js'
import type { Logger, Random } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { DisperserDefinition } from '@zerog/proto/disperser'
import {
  type HealthCheckRequest,
  HealthCheckResponse,
  HealthDefinition,
  HealthCheckResponse_ServingStatus as Serving,
} from '@zerog/proto/grpc/health'
import {
  ServerReflectionDefinition,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from '@zerog/proto/grpc/reflection'
import { encodeStatus, GRPC_CODE, reflectionOf } from '@zerog/runtime'

/** One method of 0G's service; `address` is the caller's, without port. */
export type Method = (request: any, signal: AbortSignal, address: string) => Promise<unknown>

export type DisperserServer = { readonly port: number; close(timeoutMs: number): Promise<void> }

const DETAILS = 'grpc-status-details-bin'
const SERVICES = [
  'disperser.Disperser',
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
]

/** 0G's interface for the outside world, in plain text as its clients want it: HTTP/2 without TLS and without identity. */
export async function startDisperserServer(options: {
  readonly address: string
  readonly port: number
  readonly requestBytesMax: number
  readonly methods: Readonly<Record<keyof typeof DisperserDefinition.methods, Method>>
  readonly isServing: () => boolean
  readonly random: Random
  readonly logger: Logger
}): Promise<DisperserServer> {
  const server = new Server({
    'grpc.max_receive_message_length': options.requestBytesMax,
    'grpc.max_send_message_length': -1,
    'grpc-node.flow_control_window': 1024 * 1024,
  })
  for (const [key, method] of Object.entries(DisperserDefinition.methods)) {
    const handle = options.methods[key as keyof typeof DisperserDefinition.methods]
    server.register(
      `/disperser.Disperser/${method.name}`,
      (call: ServerUnaryCall<unknown, unknown>, reply: sendUnaryData<unknown>) => void serveUnary(call, reply, handle, options),
      (message) => Buffer.from(method.responseType.encode(message as never).finish()), // the method's own answer
      (bytes: Buffer) => method.requestType.decode(bytes),
      'unary',
    )
  }
  registerHealth(server, options.isServing)
  await registerReflection(server)
  const host = options.address.includes(':') ? `[${options.address}]` : options.address
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${host}:${options.port}`, ServerCredentials.createInsecure(), (cause, bound) => {
      if (cause === null) resolve(bound)
      else reject(portTaken(options, cause))
    })
  })
  return {
    port,
    close: (timeoutMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => {
          server.forceShutdown()
          resolve()
        }, timeoutMs)
        server.tryShutdown(() => {
          clearTimeout(timer)
          resolve()
        })
      }),
  }
}

async function serveUnary(
  call: ServerUnaryCall<unknown, unknown>,
  reply: sendUnaryData<unknown>,
  handle: Method,
  { random, logger }: { readonly random: Random; readonly logger: Logger },
): Promise<void> {
  const gone = new AbortController()
  call.on('cancelled', () => gone.abort(new ZerogError('CANCELLED', { message: 'the caller is gone' })))
  try {
    reply(null, await handle(call.request, gone.signal, addressOf(call.getPeer())))
  } catch (error) {
    reply(statusOf(error, random.uuid(), logger))
  }
}

/** Known reasons with their details; what went wrong inside stays in the log under the id that the caller sees. */
function statusOf(error: unknown, requestId: string, logger: Logger) {
  const isPublic = error instanceof ZerogError && error.status !== 'INTERNAL'
  if (!isPublic) logger.error('rpc_failed', { method: 'disperser.Disperser', requestId, error })
  const message = `internal error; the log of the disperser has it under request id ${requestId}`
  const shown = isPublic ? error : new ZerogError('INTERNAL', { message, metadata: { requestId } })
  const metadata = new Metadata()
  metadata.set(DETAILS, Buffer.from(encodeStatus(shown)))
  return { code: GRPC_CODE[shown.status], details: shown.message, metadata }
}

function registerHealth(server: Server, isServing: () => boolean): void {
  const answer = () => ({ status: isServing() ? Serving.SERVING : Serving.NOT_SERVING })
  const encode = (message: HealthCheckResponse) => Buffer.from(HealthCheckResponse.encode(message).finish())
  const { check, watch } = HealthDefinition.methods
  const decode = (bytes: Buffer) => check.requestType.decode(bytes)
  server.register(
    `/grpc.health.v1.Health/${check.name}`,
    ({ request }: ServerUnaryCall<HealthCheckRequest, HealthCheckResponse>, reply: sendUnaryData<HealthCheckResponse>) =>
      request.service === '' || SERVICES.includes(request.service)
        ? reply(null, answer())
        : reply({ code: GRPC_CODE.NOT_FOUND, details: `${request.service.slice(0, 100)} is not served here` }),
    encode,
    decode,
    'unary',
  )
  // It changes only with the end of the process, which ends the stream.
  server.register(
    `/grpc.health.v1.Health/${watch.name}`,
    (call: ServerWritableStream<HealthCheckRequest, HealthCheckResponse>) => void call.write(answer()),
    encode,
    decode,
    'serverStream',
  )
}

/** Both names: Go's tools of 0G's time ask for v1alpha, whose messages are the same. */
async function registerReflection(server: Server): Promise<void> {
  const reflect = await reflectionOf(SERVICES)
  const { serverReflectionInfo: method } = ServerReflectionDefinition.methods
  for (const version of ['v1', 'v1alpha']) {
    server.register(
      `/grpc.reflection.${version}.ServerReflection/${method.name}`,
      (call: ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>) => {
        call.on('data', (request: ServerReflectionRequest) => call.write(reflect(request)))
        call.on('end', () => call.end())
      },
      (message: ServerReflectionResponse) => Buffer.from(method.responseType.encode(message).finish()),
      (bytes: Buffer) => method.requestType.decode(bytes),
      'bidi',
    )
  }
}

/** `127.0.0.1:4711`, `[::1]:4711` or `ipv6:…` without its port. */
function addressOf(peer: string): string {
  return peer.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
}

function portTaken({ address, port }: { readonly address: string; readonly port: number }, cause: unknown): ZerogError {
  return new ZerogError('PORT_IN_USE', {
    message: `port ${port} on ${address} is taken by another process; stop it or set ZEROG_DA_DISPERSER_PUBLIC_PORT`,
    metadata: { address, port: String(port) },
    cause,
  })
}
