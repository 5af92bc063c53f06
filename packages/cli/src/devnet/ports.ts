import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { ZerogError } from '@zerog/primitives'
import { DEFAULT_PORTS, type PlannedPorts } from './plan.ts'

const HOST = '127.0.0.1'

/**
 * Free ports are looked for below those that Linux gives to outgoing connections (from 32768 on): one of these could be taken by any
 * program between the search and the start of a target, or while a target is down. Each devnet begins at a block of its own, so that
 * two that start at once seldom look at the same.
 */
const FREE_PORTS = { first: 10_240, count: 22_464, block: 64 } as const

/** Replaces each 0 by a free port and refuses a taken one by name, before anything is started. */
export async function reservePorts(ports: PlannedPorts): Promise<PlannedPorts> {
  const taken = new Set<number>()
  let next = randomInt(FREE_PORTS.count / FREE_PORTS.block) * FREE_PORTS.block
  const free = async (what: string): Promise<number> => {
    for (let tried = 0; tried < FREE_PORTS.count; tried++) {
      const port = FREE_PORTS.first + (next++ % FREE_PORTS.count)
      if (!taken.has(port) && (await isFree(port, what))) return port
    }
    throw new ZerogError('PORT_IN_USE', { message: `no port is free for ${what}; stop programs that this machine does not need` })
  }
  const reserve = async (wanted: number, what: string): Promise<number> => {
    const port = wanted === 0 ? await free(what) : wanted
    if (taken.has(port) || (wanted !== 0 && !(await isFree(port, what)))) throw inUse(port, what)
    taken.add(port)
    return port
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

/** Throws CONFIG_INVALID where this user may not listen there. */
function isFree(port: number, what: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') return resolve(false)
      if (error.code === 'EACCES') {
        return reject(
          new ZerogError('CONFIG_INVALID', {
            message: `no permission to listen on port ${port} (${what}); choose ports above 1023`,
            cause: error,
          }),
        )
      }
      reject(error)
    })
    server.listen(port, HOST, () => server.close(() => resolve(true)))
  })
}

function inUse(port: number, what: string): ZerogError {
  const remedy = port === DEFAULT_PORTS.gateway ? 'if another devnet runs here, stop it (npm run down) or ' : ''
  return new ZerogError('PORT_IN_USE', {
    message: `port ${port} (${what}) is taken by another program; ${remedy}choose other ports: zerog up --port-offset 100, or --port 0 for free ones`,
    metadata: { port: String(port) },
  })
}
