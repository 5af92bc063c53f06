import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { ADMIN_REQUEST_MS, HEALTH_TIMEOUT_MS } from '../limits.ts'
import type { HealthReport } from '../module.ts'
import { type Listen, portProblem } from '../rpc/listen.ts'
import type { Metrics } from '../telemetry/meter.ts'

export type ProcessHealth = {
  /** True when every target is. */
  readonly ready: boolean
  /** `<target>-<instance>` */
  readonly targets: Readonly<Record<string, HealthReport>>
}

export type AdminServer = { readonly port: number; readonly close: () => Promise<void> }

/**
 * /livez: the loop answers. /readyz: 200 or 503 with a HealthReport per target. /metrics: Prometheus text; /metrics/instruments: what
 * may appear there, as JSON. For probes, scrapers and operators inside the installation; it shows no secrets and changes nothing.
 */
export async function startAdminServer(options: {
  readonly listen: Listen
  readonly health: () => Promise<ProcessHealth>
  readonly metrics: Metrics
  /** Brings up to date what is not known by itself. */
  readonly beforeScrape: () => Promise<void>
}): Promise<AdminServer> {
  const { listen, health, metrics, beforeScrape } = options
  const server = createServer({ requestTimeout: ADMIN_REQUEST_MS, maxHeaderSize: 8_192 }, (request, response) => {
    answer(request, response).catch(() => send(response, 500, 'text/plain', 'the answer could not be made\n'))
  })

  async function answer(request: IncomingMessage, response: ServerResponse) {
    const path = request.url?.split('?')[0]
    if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, 'text/plain', 'only GET\n')
    if (path === '/livez') return send(response, 200, 'text/plain', 'ok\n')
    if (path === '/metrics') {
      await beforeScrape()
      return send(response, 200, metrics.contentType, await metrics.text())
    }
    if (path === '/metrics/instruments')
      return send(response, 200, 'application/json', `${JSON.stringify(metrics.instruments())}\n`)
    if (path !== '/readyz') return send(response, 404, 'text/plain', 'try /livez, /readyz, /metrics or /metrics/instruments\n')
    const report = await health()
    send(response, report.ready ? 200 : 503, 'application/json', `${JSON.stringify(report)}\n`)
  }

  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', (cause: NodeJS.ErrnoException) => reject(portProblem(listen, cause)))
  server.listen({ host: listen.address, port: listen.port }, () => resolve())
  await promise
  const { port } = server.address() as AddressInfo // a listening TCP server has one
  return {
    port,
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

/** A module that cannot tell its health in time, or throws, is not ready and says so. */
export async function boundedHealth(clock: Clock, ask: () => HealthReport | Promise<HealthReport>): Promise<HealthReport> {
  const late = new ZerogError('DEADLINE_EXCEEDED', { message: `no answer within ${HEALTH_TIMEOUT_MS} ms` })
  const { promise, resolve, reject } = Promise.withResolvers<HealthReport>()
  const cancel = clock.after(HEALTH_TIMEOUT_MS, () => reject(late))
  new Promise<HealthReport>((settle) => settle(ask())).then(resolve, reject)
  try {
    return await promise
  } catch (error) {
    return {
      ready: false,
      checks: [{ name: 'health', ok: false, detail: error instanceof Error ? error.message : String(error) }],
    }
  } finally {
    cancel()
  }
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' })
  response.end(body)
}
