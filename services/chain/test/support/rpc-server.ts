import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock } from '@zerog/adapters'
import type { Logger } from '@zerog/ports'
import { createMetrics, silentLogger } from '@zerog/runtime'
import { WebSocketServer } from 'ws'
import { createJsonRpc, type JsonRpc, type JsonRpcOptions } from '../../src/adapters/json-rpc/json-rpc.ts'
import type { ChainBackend } from '../../src/app/chain-backend.ts'

export type RpcServer = {
  readonly url: string
  readonly wsUrl: string
  readonly jsonRpc: JsonRpc
  /** One raw HTTP body; the answer as text. */
  readonly post: (body: string) => Promise<string>
  /** One request; its whole answer. */
  readonly request: (method: string, params?: unknown) => Promise<any>
  /** What was logged as our own failure: tests expect none. */
  readonly failures: readonly unknown[]
  readonly close: () => Promise<void>
}

/** The JSON-RPC on a free port over HTTP and WebSocket: the least that real clients need. */
export async function startRpcServer(backend: ChainBackend, options: JsonRpcOptions = {}): Promise<RpcServer> {
  const meter = createMetrics().meter()
  const failures: unknown[] = []
  const logger: Logger = { ...silentLogger, error: (_event, fields) => void failures.push(fields?.error) }
  const jsonRpc = createJsonRpc(options, { backend, clock: systemClock, logger, meter })
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const controller = new AbortController()
    response.on('close', () => controller.abort())
    const { body } = await jsonRpc.execute(Buffer.concat(chunks), { signal: controller.signal })
    response.setHeader('content-type', 'application/json').end(body)
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', async (socket) => {
    const connection = jsonRpc.connect()
    socket.on('message', (data) => void connection.receive(data as Buffer))
    socket.on('close', () => connection.close())
    try {
      for await (const { frame } of connection.outgoing) socket.send(frame.toString())
    } catch {
      socket.close(1013)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const post = async (body: string) => (await fetch(url, { method: 'POST', body })).text()
  return {
    url,
    wsUrl: `ws://127.0.0.1:${port}`,
    jsonRpc,
    failures,
    post,
    request: async (method, params) => JSON.parse(await post(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))),
    async close() {
      jsonRpc.close()
      for (const socket of sockets.clients) socket.terminate()
      sockets.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
