import { connect } from 'node:http2'

/** What a caller shows; `cert` and `key` absent: no certificate at all. All PEM. */
export type Credentials = { readonly ca: Buffer; readonly cert?: Buffer; readonly key?: Buffer }

export type Answer =
  | { readonly kind: 'status'; readonly code: number; readonly message: string }
  /** TLS did not let the caller in: no request was ever read. */
  | { readonly kind: 'no connection'; readonly message: string }

const CALL_MS = 10_000
/** A frame of two bytes that are no protobuf: field number 0 and wire type 7 do not exist. */
const NO_MESSAGE = Buffer.from([0, 0, 0, 0, 2, 0x07, 0xff])

/**
 * Calls each path once with bytes that no message type accepts, so that a caller who is let in gets INVALID_ARGUMENT before any
 * handler acts on anything. Speaks HTTP/2 by itself: whoever attacks does not use our client.
 */
export async function callAll(
  address: string,
  { ca, cert, key }: Credentials,
  paths: readonly string[],
): Promise<ReadonlyMap<string, Answer>> {
  // Who the server is does not matter here: an attacker does not check it.
  const identity = cert === undefined || key === undefined ? {} : { cert, key }
  const session = connect(`https://${address}`, { ca, ...identity, checkServerIdentity: () => undefined })
  const failed = new Promise<Answer>((resolve) => {
    session.once('error', (error) => resolve({ kind: 'no connection', message: error.message }))
    session.once('close', () => resolve({ kind: 'no connection', message: 'the connection was closed' }))
  })
  const { promise: late, resolve: giveUp } = Promise.withResolvers<Answer>()
  const timer = setTimeout(() => giveUp({ kind: 'status', code: 4, message: 'no answer' }), CALL_MS)
  const call = (path: string): Promise<Answer> =>
    new Promise((resolve) => {
      const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' }
      const stream = session.request(headers)
      const read = (found: Record<string, unknown>) => {
        if (found['grpc-status'] === undefined) return
        resolve({
          kind: 'status',
          code: Number(found['grpc-status']),
          message: decodeURIComponent(String(found['grpc-message'])),
        })
      }
      // A refusal may come as headers alone.
      stream.on('response', read)
      stream.on('trailers', read)
      stream.on('error', ({ message }) => resolve({ kind: 'no connection', message }))
      stream.resume()
      stream.end(NO_MESSAGE)
    })
  try {
    const answers = await Promise.all(paths.map(async (path) => [path, await Promise.race([call(path), failed, late])] as const))
    return new Map(answers)
  } finally {
    clearTimeout(timer)
    session.destroy()
  }
}
