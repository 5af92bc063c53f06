import { createServer } from 'node:net'
import { ZerogError } from '@zerog/primitives'

export type Listen = { readonly address: string; readonly port: number }

/** Refuses early, before modules have started, with the name of the setting. */
export async function checkPortFree(listen: Listen): Promise<void> {
  if (listen.port === 0) return
  const probe = createServer()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  probe.once('error', (cause: NodeJS.ErrnoException) => reject(portProblem(listen, cause)))
  probe.listen({ host: listen.address, port: listen.port, exclusive: true }, () => probe.close(() => resolve()))
  await promise
}

/** What an operator can do about a port that cannot be opened. */
export function portProblem(listen: Listen, cause: NodeJS.ErrnoException): ZerogError {
  const metadata = { address: listen.address, port: String(listen.port) }
  if (cause.code === 'EACCES') {
    return new ZerogError('CONFIG_INVALID', {
      message: `this user may not listen on ${listen.address}:${listen.port}; choose a port above 1023`,
      metadata,
      cause,
    })
  }
  if (cause.code === 'EADDRNOTAVAIL' || cause.code === 'ENOTFOUND') {
    return new ZerogError('CONFIG_INVALID', { message: `${listen.address} is no address of this machine`, metadata, cause })
  }
  return new ZerogError('PORT_IN_USE', {
    message: `port ${listen.port} on ${listen.address} is taken by another process; stop it or choose another port`,
    metadata,
    cause,
  })
}
