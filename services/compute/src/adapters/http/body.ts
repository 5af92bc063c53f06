import type { IncomingMessage } from 'node:http'
import type { HttpBody } from '../../app/http-client.ts'

/** Pieces that wait for a slow reader before the connection is held back. */
const PIECES_MAX = 16
/** What may follow an answer that was read to its end, and how long, before its connection is given up. */
const REST_BYTES_MAX = 64 * 1024
const REST_MS = 1000

/** The body of a response by its events: Node's own iterator costs more than all that is done with an answer of one piece. */
export function bodyOf(response: IncomingMessage): HttpBody {
  let finished = false

  function finish(): void {
    if (finished || response.destroyed) return
    finished = true
    let rest = 0
    const timer = setTimeout(() => response.destroy(), REST_MS)
    response.removeAllListeners('data')
    response.on('data', (bytes: Buffer) => {
      rest += bytes.length
      if (rest > REST_BYTES_MAX) response.destroy()
    })
    response.on('error', () => {})
    response.once('close', () => clearTimeout(timer))
    response.resume()
  }

  return {
    pieces: { [Symbol.asyncIterator]: () => iterate(response, () => finished) },
    whole: (bytesMax) => readWhole(response, bytesMax),
    trailers: () => response.trailers,
    finish,
  }
}

type Step = IteratorResult<Uint8Array, undefined>
const DONE: Step = { done: true, value: undefined }

function iterate(response: IncomingMessage, finished: () => boolean): AsyncIterator<Uint8Array, undefined> {
  const pieces: Buffer[] = []
  let waiting: { readonly resolve: (step: Step) => void; readonly reject: (error: unknown) => void } | undefined
  let end: { readonly error: unknown } | undefined

  function ended(error: unknown): void {
    if (end !== undefined) return
    end = { error }
    if (error === undefined) waiting?.resolve(DONE)
    else waiting?.reject(error)
    waiting = undefined
  }

  response.on('data', (bytes: Buffer) => {
    if (waiting === undefined) {
      pieces.push(bytes)
      if (pieces.length >= PIECES_MAX) response.pause()
      return
    }
    waiting.resolve({ done: false, value: bytes })
    waiting = undefined
  })
  response.once('end', () => ended(undefined))
  response.once('error', ended)
  response.once('close', () => {
    if (end === undefined) ended(closedEarly())
  })
  if (response.destroyed) ended(closedEarly())

  return {
    next() {
      const piece = pieces.shift()
      if (piece !== undefined) {
        if (pieces.length === 0 && response.isPaused()) response.resume()
        return Promise.resolve({ done: false, value: piece })
      }
      if (end !== undefined) return end.error === undefined ? Promise.resolve(DONE) : Promise.reject(end.error)
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject }
      })
    },
    async return() {
      if (!finished() && end === undefined) {
        response.on('error', () => {})
        response.destroy()
      }
      return DONE
    },
  }
}

function readWhole(response: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    let total = 0
    response.on('data', (bytes: Buffer) => {
      total += bytes.length
      parts.push(bytes)
      if (total > bytesMax) response.destroy(new RangeError(`an answer of more than ${bytesMax} bytes`))
    })
    response.once('end', () => resolve(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, total)))
    response.once('error', reject)
    // Without an end and without an error.
    response.once('close', () => {
      if (!response.complete) reject(closedEarly())
    })
    if (response.destroyed) reject(closedEarly())
  })
}

function closedEarly(): Error {
  return new Error('the connection was closed within the answer')
}
