import { isIP } from 'node:net'
import { ZerogError } from '@zerog/primitives'
import type { FastifyInstance } from 'fastify'
import type { GatewayConfig } from '../../config.ts'

/** Opens the public port; returns `http://host:port` with the port that was taken. */
export async function listen(app: FastifyInstance, config: GatewayConfig): Promise<string> {
  try {
    await app.listen({ host: config.host, port: config.port })
  } catch (error) {
    throw refusal(error, config)
  }
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : config.port
  const host = config.host === '0.0.0.0' || config.host === '::' ? '127.0.0.1' : config.host
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** The keys of a development network are public: whoever reaches its door owns its accounts. Throws CONFIG_INVALID. */
export function requireLoopback({ host }: Pick<GatewayConfig, 'host'>): void {
  if (host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))) return
  throw new ZerogError('CONFIG_INVALID', {
    message: `host ${host} would show a development network (chain id 31337, public keys) to others: use 127.0.0.1 and a tunnel, or a chain id of your own`,
    metadata: { field: 'host', target: 'gateway' },
  })
}

function refusal(error: unknown, { host, port }: GatewayConfig): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const metadata = { host, port: String(port), target: 'gateway' }
  if (code === 'EADDRINUSE') {
    return new ZerogError('PORT_IN_USE', {
      message: `port ${port} is taken by another program; stop it or choose another port (zerog up --port-offset 100, or --port 0 for free ones)`,
      metadata,
      cause: error,
    })
  }
  if (code === 'EACCES') {
    return new ZerogError('CONFIG_INVALID', {
      message: `no permission to listen on port ${port}; choose a port above 1023`,
      metadata,
      cause: error,
    })
  }
  if (code === 'EADDRNOTAVAIL') {
    return new ZerogError('CONFIG_INVALID', {
      message: `this machine has no address ${host} to listen on`,
      metadata,
      cause: error,
    })
  }
  return error
}
