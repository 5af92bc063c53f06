import { createServer } from 'node:net'
import { ZerogError } from '@zerog/primitives'
import { DEFAULT_PORTS, type PlannedPorts } from './plan.ts'

const HOST = '127.0.0.1'

/** Replaces each 0 by a free port and refuses a taken one by name, before anything is started. */
export async function reservePorts(ports: PlannedPorts): Promise<PlannedPorts> {
  const taken = new Set<number>()
  const reserve = async (wanted: number, what: string): Promise<number> => {
    for (;;) {
      const port = await tryPort(wanted, what)
      if (taken.has(port)) {
        if (wanted === 0) continue
        throw inUse(port, what)
      }
      taken.add(port)
      return port
    }
  }
  const all = async (group: Readonly<Record<string, number>>, kind: string): Promise<Record<string, number>> => {
    const reserved: Record<string, number> = {}
    for (const [name, port] of Object.entries(group)) reserved[name] = await reserve(port, `${kind} of ${name}`)
    return reserved
  }
  return {
    gateway: await reserve(ports.gateway, 'the gateway'),
    broker: await reserve(ports.broker, 'the compute broker'),
    router: await reserve(ports.router, 'the compute router'),
    disperser: await reserve(ports.disperser, "0G's DA interface"),
    grpc: await all(ports.grpc, 'gRPC'),
    admin: await all(ports.admin, 'health and metrics'),
  }
}

function tryPort(wanted: number, what: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') return reject(inUse(wanted, what))
      if (error.code === 'EACCES') {
        return reject(
          new ZerogError('CONFIG_INVALID', {
            message: `no permission to listen on port ${wanted} (${what}); choose ports above 1023`,
            cause: error,
          }),
        )
      }
      reject(error)
    })
    server.listen(wanted, HOST, () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : wanted
      server.close(() => resolve(port))
    })
  })
}

function inUse(port: number, what: string): ZerogError {
  const remedy = port === DEFAULT_PORTS.gateway ? 'if another devnet runs here, stop it (npm run down) or ' : ''
  return new ZerogError('PORT_IN_USE', {
    message: `port ${port} (${what}) is taken by another program; ${remedy}choose other ports: zerog up --port-offset 100, or --port 0 for free ones`,
    metadata: { port: String(port) },
  })
}
