import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { urlToHttpOptions } from 'node:url'
import { type HttpAnswer, type HttpClient, ServerUnreachable } from '../../app/http-client.ts'
import { bodyOf } from './body.ts'

const SOCKETS_PER_HOST_MAX = 512
/** Below the 75 s that brokers keep idle connections, so that we never write into one that is being closed. */
const IDLE_MS = 30_000
/** Servers whose parsed address is kept at hand. */
const ORIGINS_MAX = 256

/**
 * node:http over kept connections: raw bytes out and in, nothing decoded, no redirect followed. A request on a kept connection that the
 * server closed at the same moment is sent once more on a new one, since the server cannot have answered it.
 */
export function createHttpClient(): HttpClient {
  const options = { keepAlive: true, maxSockets: SOCKETS_PER_HOST_MAX, scheduling: 'lifo' as const, timeout: IDLE_MS }
  const http = new HttpAgent(options)
  const https = new HttpsAgent(options)
  const origins = new Map<string, RequestOptions>()

  /** Reading a URL costs as much as sending a request: each server's is read once. */
  function addressOf(url: string): RequestOptions {
    const slash = url.indexOf('/', 'https://'.length)
    const origin = slash < 0 ? url : url.slice(0, slash)
    let known = origins.get(origin)
    if (known === undefined) {
      const { protocol, hostname, port, auth } = urlToHttpOptions(new URL(origin))
      known = { protocol, hostname, port, auth } as RequestOptions // what a URL leaves out is null or missing, as node:http takes it
      if (origins.size >= ORIGINS_MAX) origins.clear()
      origins.set(origin, known)
    }
    return { ...known, path: slash < 0 ? '/' : url.slice(slash) }
  }

  function once(of: Parameters<HttpClient['request']>[0]): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const secure = of.url.startsWith('https:')
      const request = (secure ? httpsRequest : httpRequest)({
        ...addressOf(of.url),
        method: of.method,
        agent: secure ? https : http,
        headers: of.body === undefined ? of.headers : { ...of.headers, 'content-length': of.body.length },
      })
      const timer =
        of.headMs === undefined
          ? undefined
          : setTimeout(() => {
              const late = new Error(`no answer within ${of.headMs} ms`)
              late.name = 'TimeoutError'
              request.destroy(late)
            }, of.headMs)
      let answer: IncomingMessage | undefined
      const abort = () => {
        const reason: unknown = of.signal.reason
        const error = reason instanceof Error ? reason : new Error('aborted')
        // Whoever reads the answer hears why it ended; before there is one, the request says it.
        answer?.destroy(error)
        request.destroy(error)
      }
      of.signal.addEventListener('abort', abort, { once: true })
      // After the whole answer was read or its connection is gone.
      request.once('close', () => of.signal.removeEventListener('abort', abort))
      request.once('response', (response) => {
        clearTimeout(timer)
        answer = response
        resolve(answerOf(response))
      })
      request.on('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(timer)
        const stale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
        reject(stale ? new StaleConnection() : error)
      })
      request.end(of.body)
      if (of.signal.aborted) abort()
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
        throw new ServerUnreachable(`the server is not reachable (${code ?? 'connection failed'})`, { refused, cause: error })
      }
    },
    close() {
      http.destroy()
      https.destroy()
    },
  }
}

class StaleConnection extends Error {}

function answerOf(response: IncomingMessage): HttpAnswer {
  return {
    status: response.statusCode ?? 0,
    headers: response.headers as HttpAnswer['headers'], // only set-cookie is a list, and nobody reads it
    body: bodyOf(response),
  }
}
