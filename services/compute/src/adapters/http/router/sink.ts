import type { ServerResponse } from 'node:http'
import type { RouterSink } from '../../../app/router/ports.ts'

/** An answer on an HTTP response. Bytes go out exactly as they come in. */
export function responseSink(
  response: ServerResponse,
  options: { readonly headers: Readonly<Record<string, string>>; readonly onFirst: (status: number) => void },
): RouterSink {
  const gone = new AbortController()
  const leave = () => {
    if (!response.writableFinished) gone.abort(new Error('the client went away'))
  }
  response.once('close', leave)
  response.on('error', leave)
  if (response.destroyed) leave()
  return {
    gone: gone.signal,
    begin(status, headers) {
      if (response.headersSent || response.destroyed) return
      options.onFirst(status)
      response.writeHead(status, { ...options.headers, ...headers })
    },
    write(bytes) {
      if (gone.signal.aborted || response.write(bytes)) return DONE
      return new Promise((resolve) => {
        const go = () => {
          response.off('drain', go)
          gone.signal.removeEventListener('abort', go)
          resolve()
        }
        response.once('drain', go)
        gone.signal.addEventListener('abort', go, { once: true })
      })
    },
    end(bytes) {
      if (!response.destroyed) response.end(bytes)
    },
  }
}
const DONE = Promise.resolve()
