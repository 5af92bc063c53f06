import type { Clock } from '@zerog/ports'
import type { FastifyInstance } from 'fastify'

/** Pause between two looks for connections that became idle, ms. */
const IDLE_LOOK_MS = 50

/**
 * Takes no more requests, lets running ones end, and cuts what is left after the limit. Kept connections are idle only between two requests:
 * they are closed in such a gap, since a client that asks again and again over one would hold the stop up to the limit.
 */
export async function closeServer(app: FastifyInstance, { clock, limitMs }: { readonly clock: Clock; readonly limitMs: number }) {
  const cancel = clock.after(limitMs, () => app.server.closeAllConnections())
  const idle = setInterval(() => app.server.closeIdleConnections(), IDLE_LOOK_MS)
  try {
    await app.close()
  } finally {
    clearInterval(idle)
    cancel()
  }
}
