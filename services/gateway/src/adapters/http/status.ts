import type { FastifyInstance } from 'fastify'
import type { GatewayStatus } from '../../app/status.ts'

/** GET /status: layers, heights, versions and health, for people and for `zerog status`. 503 while nothing can be served. */
export function registerStatus(app: FastifyInstance, status: () => Promise<GatewayStatus>): void {
  app.get('/status', async (_request, reply) => {
    const report = await status()
    return reply
      .code(report.ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .type('application/json')
      .send(JSON.stringify(report))
  })
}
