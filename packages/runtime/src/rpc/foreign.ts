import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { connect } from 'node:tls'
import { credentials, ServerCredentials } from '@grpc/grpc-js'
import { ZerogError } from '@zerog/primitives'
import { createGrpcDial } from './grpc-client.ts'
import { type GrpcServer, serveGrpc } from './grpc-server.ts'
import type { RpcHost } from './host.ts'
import type { Listen } from './listen.ts'
import { listenPublicly, type PublicLimits } from './public-listener.ts'
import type { Transport } from './transport.ts'

/** PEM bytes of who we are towards another installation. */
export type ForeignIdentity = { readonly cert: Buffer; readonly key: Buffer }

/**
 * The certificate that a server of another installation shows, whoever signed it. Nothing is proven by it but that the server has its key:
 * whoever calls this has a reason of his own to believe it, and passes it to `dialForeign`, which then accepts no other.
 * @throws ZerogError DEPENDENCY_UNAVAILABLE, DEADLINE_EXCEEDED
 */
export async function learnCertificate(
  { host, port }: { readonly host: string; readonly port: number },
  options: { readonly timeoutMs: number },
): Promise<X509Certificate> {
  const { promise, resolve, reject } = Promise.withResolvers<X509Certificate>()
  const address = `${host}:${port}`
  const name = bare(host)
  const socket = connect({
    host: name,
    port,
    ...(isIP(name) === 0 && { servername: name }),
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
    minVersion: 'TLSv1.3',
  })
  // All of it, not each pause: a server that sends byte by byte is none.
  const timer = setTimeout(() => {
    reject(new ZerogError('DEADLINE_EXCEEDED', { message: `${address} did not finish its handshake in ${options.timeoutMs} ms` }))
  }, options.timeoutMs)
  // Not `once`: what a socket says after that would end the process.
  socket.on('error', (cause) => {
    reject(new ZerogError('DEPENDENCY_UNAVAILABLE', { message: `${address} cannot be reached by TLS: ${cause.message}`, cause }))
  })
  socket.once('secureConnect', () => {
    const certificate = socket.getPeerX509Certificate()
    if (certificate === undefined)
      reject(new ZerogError('DEPENDENCY_UNAVAILABLE', { message: `${address} shows no certificate` }))
    else resolve(certificate)
  })
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}

/** Calls a server that has the key of exactly this self-signed certificate. */
export function dialForeign(options: {
  readonly target: string
  readonly host: string
  readonly port: number
  readonly certificate: X509Certificate
  readonly identity: ForeignIdentity
}): { readonly transport: Transport; readonly close: () => void } {
  const { target, host, port, certificate, identity } = options
  const checkServerIdentity = (_hostName: string, shown: { readonly raw: Buffer }) =>
    shown.raw.equals(certificate.raw) ? undefined : new Error('the server shows another certificate than before')
  const channel = credentials.createSsl(Buffer.from(certificate.toString()), identity.key, identity.cert, { checkServerIdentity })
  // `dns:` in front, or a host called `unix` or `xds` would be taken for a scheme. Its own name is what a proxy by name looks at.
  const serverName = isIP(bare(host)) === 0 ? host : target
  return createGrpcDial({ target, address: `dns:${host}:${port}`, serverName }, channel)
}

function bare(host: string): string {
  return host.replace(/^\[|\]$/g, '')
}

/**
 * A second door of a host, for callers of other installations: those whose certificate one of `authorities` (PEM) has signed. Their target
 * is their identity, whatever their network is called.
 */
export function openForeignDoor(options: {
  readonly host: RpcHost
  readonly identity: ForeignIdentity
  readonly authorities: Buffer
  readonly listen: Listen
  readonly limits?: Partial<PublicLimits>
}): Promise<GrpcServer> {
  const { host, ...door } = options
  return serveGrpc({ host, identity: { network: undefined } }, (server) => {
    // TLS ends before it: plain for the library, which finds the caller's certificate at the socket all the same.
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
    return listenPublicly(door, (socket) => injector.injectConnection(socket))
  })
}
