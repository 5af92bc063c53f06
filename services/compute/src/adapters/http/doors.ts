import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { Traces } from '@zerog/ports'

/** A request that came whole. */
export type Entered = {
  readonly headers: IncomingHttpHeaders
  readonly response: ServerResponse
  readonly id: string
  /** undefined: longer than it may be, and not read to its end. */
  readonly body: Uint8Array | undefined
}

export type Doors = {
  /** For a framework that serves everything else. */
  serverFactory(handler: RequestListener): Server
  /** Answers POST of a path before the framework sees it: its hooks, errors and limits do not apply. */
  post(path: string, enter: (entered: Entered) => void): void
}

/**
 * Routes that run hundreds of times a second, on node:http alone: routing, hooks, parsers and async resources of a framework cost as much as
 * half of what such a request does. Each has a span, as the framework's have.
 */
export function createDoors(
  options: { readonly bodyBytesMax: number; readonly keepAliveMs: number },
  deps: { readonly traces: Traces; readonly idOf: (request: IncomingMessage) => string },
): Doors {
  const doors = new Map<string, (entered: Entered) => void>()

  function open(path: string, request: IncomingMessage, response: ServerResponse, enter: (entered: Entered) => void): void {
    const { headers } = request
    const id = deps.idOf(request)
    const scope = deps.traces.enter({ name: `POST ${path}`, headers, requestId: id, attributes: METHOD })
    response.once('close', () => scope.end(response.statusCode >= 500 ? new Error(`status ${response.statusCode}`) : undefined))
    readBody(request, options.bodyBytesMax, (body) => scope.run(() => enter({ headers, response, id, body })))
  }

  return {
    serverFactory: (handler) =>
      createServer({ keepAliveTimeout: options.keepAliveMs }, (request, response) => {
        const path = request.method === 'POST' ? pathOf(request.url ?? '') : ''
        const enter = doors.get(path)
        if (enter === undefined) handler(request, response)
        else open(path, request, response, enter)
      }),
    post(path, enter) {
      doors.set(path, enter)
    },
  }
}

const METHOD = { 'http.request.method': 'POST' }

function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}

/** Calls back once, with undefined where the body is too long; never where the client went away before it was whole. */
function readBody(request: IncomingMessage, bytesMax: number, done: (body: Uint8Array | undefined) => void): void {
  const parts: Buffer[] = []
  let total = 0
  let ended = false
  const end = (body: Uint8Array | undefined) => {
    if (!ended) done(body)
    ended = true
  }
  request.on('error', () => {})
  request.on('data', (part: Buffer) => {
    total += part.length
    if (total > bytesMax) end(undefined)
    else parts.push(part)
  })
  request.once('end', () => end(parts.length === 1 ? parts[0] : Buffer.concat(parts)))
  if (Number(request.headers['content-length']) > bytesMax) end(undefined)
}
