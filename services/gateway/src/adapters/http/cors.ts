import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** What a page of another origin may read from answers beyond the simple headers. */
const EXPOSED = 'x-request-id, retry-after, content-range, accept-ranges, content-length, etag, content-disposition'

/**
 * Browsers of any origin may call (or the listed ones only). No credentials: the faces know no cookies.
 * Source: Fetch standard, CORS protocol; Private Network Access for pages that call a devnet on loopback.
 */
export function registerCors(app: FastifyInstance, origins: string): void {
  const allowed = origins === '*' ? undefined : new Set(origins.split(',').map((origin) => origin.trim()))
  app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    const origin = request.headers.origin
    if (origin === undefined) return
    if (allowed !== undefined) reply.header('vary', 'origin')
    if (allowed !== undefined && !allowed.has(origin)) return
    reply.header('access-control-allow-origin', allowed === undefined ? '*' : origin)
    reply.header('access-control-expose-headers', EXPOSED)
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return
    reply
      .header('access-control-allow-methods', 'GET, HEAD, POST, PUT, DELETE, OPTIONS')
      .header('access-control-allow-headers', request.headers['access-control-request-headers'] ?? 'content-type')
      .header('access-control-max-age', '86400')
    if (request.headers['access-control-request-private-network'] === 'true') {
      reply.header('access-control-allow-private-network', 'true')
    }
  })
  app.options('/*', async (_request, reply) => reply.code(204).send())
}
