import { createServer, type Server, type TLSSocket } from 'node:tls'
import { PUBLIC_CONNECTIONS_MAX, PUBLIC_HANDSHAKE_MS, PUBLIC_HANDSHAKES_PER_ADDRESS_MAX } from '../limits.ts'
import { type Listen, portProblem } from './listen.ts'

export type PublicListener = {
  readonly port: number
  /** No new connections; those that are being made are cut. */
  readonly close: () => void
}

/** Overrides for tests. */
export type PublicLimits = {
  readonly connectionsMax: number
  readonly handshakeMs: number
  readonly handshakesPerAddressMax: number
}

const LIMITS: PublicLimits = {
  connectionsMax: PUBLIC_CONNECTIONS_MAX,
  handshakeMs: PUBLIC_HANDSHAKE_MS,
  handshakesPerAddressMax: PUBLIC_HANDSHAKES_PER_ADDRESS_MAX,
}

/**
 * Mutual TLS where anybody may knock: whoever does not finish his handshake in time, shows no certificate of `authorities`, or knocks too often at
 * once from one address, is cut off before HTTP/2 begins. Only those who may come in reach `onCaller`.
 * @throws ZerogError PORT_IN_USE, CONFIG_INVALID
 */
export async function listenPublicly(
  options: {
    readonly identity: { readonly cert: Buffer; readonly key: Buffer }
    /** PEM, one or more. */
    readonly authorities: Buffer
    readonly listen: Listen
    readonly limits?: Partial<PublicLimits>
  },
  onCaller: (socket: TLSSocket) => void,
): Promise<PublicListener> {
  const { identity, authorities, listen } = options
  const limits = { ...LIMITS, ...options.limits }
  const server = createServer({
    ...identity,
    ca: authorities,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['h2'],
    handshakeTimeout: limits.handshakeMs,
  })
  server.maxConnections = limits.connectionsMax
  const cutKnocking = boundKnocking(server, limits.handshakesPerAddressMax)
  // Strangers fail all day, and there is nobody to tell. Node leaves the socket open, also where the handshake took too long.
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {})
    if (socket.authorized && socket.alpnProtocol === 'h2') onCaller(socket)
    else socket.destroy()
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', (cause: NodeJS.ErrnoException) => reject(portProblem(listen, cause)))
  server.listen({ host: listen.address, port: listen.port, exclusive: true }, resolve)
  await promise
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : listen.port,
    close() {
      server.close()
      cutKnocking()
    },
  }
}

/** Connections that have not finished their handshake, by address; returns what cuts all of them. */
function boundKnocking(server: Server, perAddressMax: number): () => void {
  const knocking = new Map<string, Map<number, () => void>>()
  const leave = ({ remoteAddress = '', remotePort = 0 }: { readonly remoteAddress?: string; readonly remotePort?: number }) => {
    const ports = knocking.get(remoteAddress)
    ports?.delete(remotePort)
    if (ports?.size === 0) knocking.delete(remoteAddress)
  }
  server.on('connection', (socket) => {
    // A socket that has gone has no address.
    const { remoteAddress, remotePort } = socket
    if (remoteAddress === undefined || remotePort === undefined) return
    const ports = knocking.get(remoteAddress) ?? new Map<number, () => void>()
    if (ports.size >= perAddressMax) {
      socket.destroy()
      return
    }
    ports.set(remotePort, () => socket.destroy())
    knocking.set(remoteAddress, ports)
    socket.once('close', () => leave({ remoteAddress, remotePort }))
  })
  server.on('secureConnection', leave)
  return () => {
    for (const ports of [...knocking.values()]) for (const cut of [...ports.values()]) cut()
  }
}
