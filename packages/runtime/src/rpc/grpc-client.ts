import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  connectivityState,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js'
import { ZerogError } from '@zerog/primitives'
import {
  DNS_REFRESH_MS,
  FLOW_CONTROL_WINDOW_BYTES,
  KEEPALIVE_TIME_MS,
  KEEPALIVE_TIMEOUT_MS,
  MESSAGE_BYTES_MAX,
  RECONNECT_BACKOFF_FIRST_MS,
  RECONNECT_BACKOFF_MAX_MS,
} from '../limits.ts'
import type { TlsIdentity } from '../tls/credentials.ts'
import { abortError } from './call-signal.ts'
import { STATUS_DETAILS_KEY } from './grpc-server.ts'
import { asBuffer, createMessageWriter, readMessages } from './grpc-stream.ts'
import type { Peers } from './module-rpc.ts'
import { decodeStatus, errorOfCode } from './status.ts'
import type { OutgoingCall, Transport } from './transport.ts'

const OPTIONS: ChannelOptions = {
  'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
  'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
  'grpc.keepalive_time_ms': KEEPALIVE_TIME_MS,
  'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
  'grpc.keepalive_permit_without_calls': 0,
  'grpc.initial_reconnect_backoff_ms': RECONNECT_BACKOFF_FIRST_MS,
  'grpc.max_reconnect_backoff_ms': RECONNECT_BACKOFF_MAX_MS,
  'grpc.dns_min_time_between_resolutions_ms': DNS_REFRESH_MS,
  'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW_BYTES,
  // One name may stand for many pods (headless service); a plain address has one subchannel anyway.
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  // Proxies of the environment are for the outside world.
  'grpc.enable_http_proxy': 0,
}

export type GrpcPeers = Peers & { readonly close: () => void }

/** Connections to other processes, one per address, opened when first used. Calls as the owner of `identity`. */
export function createGrpcPeers(options: {
  readonly identity: TlsIdentity
  /** `host:port` of each instance of each target. */
  readonly peers: Readonly<Record<string, readonly string[]>>
}): GrpcPeers {
  const { identity, peers } = options
  const clients = new Map<string, Client>()
  const turns = new Map<string, number>()

  const addressesOf = (target: string) => (Object.hasOwn(peers, target) ? (peers[target] ?? []) : [])

  function connect(target: string, address: string): Client {
    const key = `${target} ${address}`
    const client =
      clients.get(key) ?? new Client(address, identity.forClient(target), { ...OPTIONS, 'grpc.ssl_target_name_override': target })
    clients.set(key, client)
    return client
  }

  function pick(target: string, instance: number | undefined): { client: Client; address: string } {
    const addresses = addressesOf(target)
    if (instance !== undefined) {
      const address = addresses[instance]
      if (address === undefined) throw noSuchInstance(target, instance, addresses.length)
      return { client: connect(target, address), address }
    }
    const turn = turns.get(target) ?? 0
    turns.set(target, turn + 1)
    const order = addresses.map((_, index) => addresses[(turn + index) % addresses.length] as string) // index is in range
    const choices = order.map((address) => ({ client: connect(target, address), address }))
    const chosen = choices.find(({ client }) => !isFailing(client)) ?? choices[0]
    if (chosen === undefined) throw noSuchInstance(target, 0, 0)
    return chosen
  }

  return {
    instances: (target) => addressesOf(target).length,
    transport: (target, instance) => grpcTransport(target, () => pick(target, instance)),
    close() {
      for (const client of clients.values()) client.close()
      clients.clear()
    },
  }
}

/** One address with credentials of its own, opened when first used. */
export function createGrpcDial(
  { target, address, serverName }: { readonly target: string; readonly address: string; readonly serverName: string },
  credentials: ChannelCredentials,
): { readonly transport: Transport; readonly close: () => void } {
  // Whoever runs the name server of that address configures nothing here.
  const own = { 'grpc.ssl_target_name_override': serverName, 'grpc.service_config_disable_resolution': 1 }
  const client = new Client(address, credentials, { ...OPTIONS, ...own })
  return { transport: grpcTransport(target, () => ({ client, address })), close: () => client.close() }
}

function grpcTransport(target: string, pick: () => { client: Client; address: string }): Transport {
  return {
    unary(call, request) {
      const { client, address } = pick()
      return new Promise((resolve, reject) => {
        const done = (error: ServiceError | null, answer?: Buffer) => {
          call.signal.removeEventListener('abort', cancel)
          if (error === null && answer !== undefined) resolve(answer)
          else reject(errorOf(error as ServiceError, call, target, address)) // grpc-js gives one of the two
        }
        const options = deadlineOf(call)
        const running = client.makeUnaryRequest(call.path, same, same, asBuffer(request), metadataOf(call), options, done)
        const cancel = () => running.cancel()
        call.signal.addEventListener('abort', cancel, { once: true })
      })
    },
    async *stream(call, requests) {
      const { client, address } = pick()
      const running = client.makeBidiStreamRequest<Buffer, Buffer>(call.path, same, same, metadataOf(call), deadlineOf(call))
      let ownFailure: { readonly error: unknown } | undefined
      const cancel = () => running.cancel()
      running.on('error', () => {}) // the reader below throws it
      call.signal.addEventListener('abort', cancel, { once: true })
      const write = createMessageWriter(running)
      const send = async () => {
        for await (const request of requests) if (!(await write(asBuffer(request)))) return
        running.end()
      }
      send().catch((error: unknown) => {
        ownFailure = { error }
        cancel()
      })
      try {
        yield* readMessages(running)
      } catch (error) {
        throw ownFailure === undefined ? errorOf(error as ServiceError, call, target, address) : ownFailure.error
      } finally {
        call.signal.removeEventListener('abort', cancel)
        cancel()
      }
    },
  }
}

function metadataOf(call: OutgoingCall): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(call.headers)) metadata.set(name, value)
  return metadata
}

function deadlineOf(call: OutgoingCall): { deadline?: number } {
  return call.deadlineMs === undefined ? {} : { deadline: call.deadlineMs }
}

function errorOf(error: ServiceError, call: OutgoingCall, target: string, address: string): ZerogError {
  if (call.signal.aborted) return abortError(call.signal)
  if (typeof error.code !== 'number') {
    return new ZerogError('DEPENDENCY_UNAVAILABLE', { message: `the connection to ${target} at ${address} broke`, cause: error })
  }
  const [details] = error.metadata.get(STATUS_DETAILS_KEY)
  const meant = details instanceof Uint8Array ? decodeStatus(details) : undefined
  if (meant !== undefined) return meant
  if (error.code === 8 && error.details.includes('larger than max')) {
    return new ZerogError('LIMIT_EXCEEDED', { message: `${target}: ${error.details}`, cause: error })
  }
  return errorOfCode(error.code, `${target} at ${address}: ${plainDetails(error.details)}`, error)
}

/** grpc-js wraps what the socket said in its own bookkeeping; people need the innermost sentence. */
function plainDetails(details: string): string {
  const innermost = /Last error: (?:Error: )?((?!.*Last error: ).*?)\.? Resolution note:/s.exec(details)?.[1]
  return innermost === undefined || innermost === '' ? details : `no connection: ${innermost}`
}

function isFailing(client: Client): boolean {
  return client.getChannel().getConnectivityState(false) === connectivityState.TRANSIENT_FAILURE
}

function noSuchInstance(target: string, instance: number, count: number): ZerogError {
  return new ZerogError('DEPENDENCY_UNAVAILABLE', {
    message: `the configuration names ${count} peers of ${target}; there is no instance ${instance}`,
    metadata: { target, instance: String(instance) },
  })
}

function same<T>(value: T): T {
  return value
}
