import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { type ProviderAnswer, type ProviderHttp, ProviderUnreachable } from '../../app/router/ports.ts'

const SOCKETS_PER_HOST_MAX = 512
/** Below the 75 s that brokers keep idle connections, so that we never write into one that is being closed. */
const IDLE_MS = 30_000

/**
 * node:http over kept connections: raw bytes out and in, nothing decoded. A request on a kept connection that the broker closed at the
 * same moment is sent once more on a new one, since the broker cannot have seen it.
 */
export function createProviderHttp(): ProviderHttp {
  const options = { keepAlive: true, maxSockets: SOCKETS_PER_HOST_MAX, scheduling: 'lifo' as const, timeout: IDLE_MS }
  const http = new HttpAgent(options)
  const https = new HttpsAgent(options)

  function once(of: Parameters<ProviderHttp['request']>[0]): Promise<ProviderAnswer> {
    return new Promise((resolve, reject) => {
      const secure = of.url.startsWith('https:')
      const request = (secure ? httpsRequest : httpRequest)(of.url, {
        method: of.method,
        agent: secure ? https : http,
        headers: { ...of.headers, ...(of.body === undefined ? {} : { 'content-length': of.body.length }) },
        signal: of.signal,
      })
      const timer = setTimeout(() => {
        const late = new Error(`no answer within ${of.headMs} ms`)
        late.name = 'TimeoutError'
        request.destroy(late)
      }, of.headMs)
      request.once('response', (response) => {
        clearTimeout(timer)
        resolve({ status: response.statusCode ?? 0, headers: headersOf(response), body: response })
      })
      request.once('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(timer)
        const stale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
        reject(stale ? new StaleConnection() : error)
      })
      request.end(of.body)
    })
  }

  return {
    async request(of) {
      try {
        return await once(of).catch((error) => {
          if (error instanceof StaleConnection) return once(of)
          throw error
        })
      } catch (error) {
        if (of.signal.aborted || (error instanceof Error && error.name === 'TimeoutError')) throw error
        const code = (error as NodeJS.ErrnoException).code
        const refused = code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EHOSTUNREACH'
        throw new ProviderUnreachable(`the provider is not reachable (${code ?? 'connection failed'})`, { refused, cause: error })
      }
    },
    close() {
      http.destroy()
      https.destroy()
    },
  }
}

class StaleConnection extends Error {}

function headersOf({ headers }: IncomingMessage): Readonly<Record<string, string | undefined>> {
  return headers as Readonly<Record<string, string | undefined>> // only set-cookie is a list, and nobody reads it
}
