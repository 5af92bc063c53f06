import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Clock, Logger, Meter } from '@zerog/ports'
import { type WebSocket, WebSocketServer } from 'ws'
import type { ChainInstances } from '../../app/chain-instances.ts'
import type { Heights } from '../../app/heights.ts'
import { openSession } from '../../app/web-socket-session.ts'
import type { GatewayConfig } from '../../config.ts'
import { LIMITS } from '../../limits.ts'

const PATHS = new Set(['/', '/rpc', '/ws'])

export type WebSocketFace = {
  /** Refuses new sockets and tells open ones to go elsewhere (1001). */
  readonly drain: () => void
  readonly count: () => number
}

/** JSON-RPC over WebSocket on the same port and paths as HTTP. */
export function serveWebSockets(
  server: Server,
  config: GatewayConfig,
  deps: {
    readonly instances: ChainInstances
    readonly heights: Heights
    readonly clock: Clock
    readonly logger: Logger
    readonly meter: Meter
    readonly admit: (address: string) => Promise<void>
  },
): WebSocketFace {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: config.rpcBodyBytesMax, perMessageDeflate: false })
  let draining = false
  deps.meter.gauge({ name: 'zerog_gateway_web_sockets', help: 'Open WebSockets.', read: () => sockets.clients.size })

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    const path = (request.url ?? '/').split('?')[0] ?? '/'
    if (draining) return refuse(socket, '503 Service Unavailable')
    if (!PATHS.has(path)) return refuse(socket, '404 Not Found')
    if (sockets.clients.size >= config.webSocketsMax) return refuse(socket, '503 Service Unavailable')
    deps.admit(request.socket.remoteAddress ?? '').then(
      () => sockets.handleUpgrade(request, socket, head, (opened) => accept(opened)),
      () => refuse(socket, '429 Too Many Requests'),
    )
  })

  function accept(socket: WebSocket): void {
    keepAlive(socket, deps.clock)
    openSession(socket, deps)
  }

  return {
    drain: () => {
      draining = true
      for (const socket of sockets.clients) socket.close(1001, 'the gateway is stopping; connect again')
    },
    count: () => sockets.clients.size,
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

/** A peer that vanished without closing would hold its subscriptions for ever: two silent periods end it. */
function keepAlive(socket: WebSocket, clock: Clock): void {
  let alive = true
  socket.on('pong', () => {
    alive = true
  })
  let cancel = clock.after(LIMITS.webSocketPingMs, beat)
  socket.on('close', () => cancel())
  function beat(): void {
    if (!alive) {
      socket.terminate()
      return
    }
    alive = false
    socket.ping()
    cancel = clock.after(LIMITS.webSocketPingMs, beat)
  }
}
