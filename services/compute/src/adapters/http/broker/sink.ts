import type { ServerResponse } from 'node:http'
import { ZerogError } from '@zerog/primitives'
import type { AnswerSink } from '../../../app/broker/ports.ts'

/** An answer on an HTTP response that fastify handed over. Bytes go out exactly as they come in here. */
export function httpSink(response: ServerResponse, headers: Readonly<Record<string, string>>): AnswerSink {
  const gone = new AbortController()
  const leave = () => {
    if (!response.writableFinished) gone.abort(clientGone())
  }
  response.once('close', leave)
  response.on('error', leave)
  if (response.destroyed) leave()
  let head: Readonly<Record<string, string>> = {}
  let lastWrite: Promise<void> = Promise.resolve()

  /** With the first bytes, so that an answer of one piece can name its length. */
  function sendHead(lengthBytes?: number): void {
    if (response.headersSent) return
    response.writeHead(200, { ...headers, ...head, ...(lengthBytes === undefined ? {} : { 'content-length': lengthBytes }) })
  }

  return {
    gone: gone.signal,
    begin(given) {
      head = given
    },
    async write(bytes) {
      if (gone.signal.aborted) return
      sendHead()
      let more = true
      lastWrite = new Promise<void>((resolve, reject) => {
        more = response.write(bytes, (error) => (error == null ? resolve() : reject(error)))
      })
      lastWrite.catch(() => {})
      if (!more) await drained(response, gone.signal)
    },
    async flushed() {
      await Promise.race([lastWrite, rejected(gone.signal)])
    },
    async end(bytes, trailers) {
      if (gone.signal.aborted) return false
      sendHead(bytes.length)
      if (trailers !== undefined) response.addTrailers(trailers)
      return new Promise((resolve) => {
        response.once('finish', () => resolve(true))
        response.once('close', () => resolve(response.writableFinished))
        response.end(bytes)
      })
    },
  }
}

function drained(response: ServerResponse, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done)
      gone.removeEventListener('abort', done)
      resolve()
    }
    response.once('drain', done)
    gone.addEventListener('abort', done, { once: true })
    if (gone.aborted) done()
  })
}

function rejected(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

function clientGone(): ZerogError {
  return new ZerogError('CANCELLED', { message: 'the client went away' })
}
