import { Readable } from 'node:stream'
import type { Logger, Meter } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Forward, ForwardedAnswer } from '../../app/forward.ts'
import type { GatewayConfig } from '../../config.ts'
import { errorBody, readEnvelope } from '../../core/envelope.ts'
import { toJsonRpcError } from '../../core/json-rpc-error.ts'
import type { StorageJsonRpc } from './storage/json-rpc.ts'

/** POST / and POST /rpc: the Ethereum JSON-RPC. The body goes to the chain unread; only failures of the gateway are worded here. */
export function registerJsonRpc(
  app: FastifyInstance,
  config: GatewayConfig,
  deps: {
    readonly forward: Forward
    /** Absent where the installation has no storage layer. */
    readonly storage?: { readonly jsonRpc: StorageJsonRpc; readonly publicUrl: string }
    readonly logger: Logger
    readonly meter: Meter
  },
): void {
  const duration = deps.meter.histogram({
    name: 'zerog_gateway_json_rpc_duration_seconds',
    help: 'Time until the answer of a JSON-RPC body is complete, by outcome: ok, refused (the request is at fault), failed (we are).',
    labels: ['outcome'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
  })

  async function handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const startedMs = performance.now()
    const body = request.body instanceof Uint8Array ? request.body : new Uint8Array()
    const gone = new AbortController()
    reply.raw.once('close', () => gone.abort())
    let outcome = 'ok'
    const signal = AbortSignal.any([gone.signal, AbortSignal.timeout(config.requestTimeoutMs)])
    try {
      const envelope = readEnvelope(body)
      if (envelope.route === 'storage' && deps.storage !== undefined) {
        const baseUrl = deps.storage.publicUrl === '' ? `${request.protocol}://${request.host}` : deps.storage.publicUrl
        const { status, text } = await deps.storage.jsonRpc.execute(body, { signal, baseUrl })
        return await reply.code(status).type('application/json').send(text)
      }
      const answer = await deps.forward(body, { envelope, signal, timeoutMs: config.requestTimeoutMs })
      return await sendAnswer(reply, answer)
    } catch (error) {
      const cause = timedOut(error) ? tooSlow(config.requestTimeoutMs) : error
      outcome = cause instanceof ZerogError && !OUR_FAULT.has(cause.status) ? 'refused' : 'failed'
      if (!(cause instanceof ZerogError) || cause.status === 'INTERNAL') {
        deps.logger.error('json_rpc_failed', { requestId: request.id, problem: String(error) })
      }
      // JSON-RPC faces say what went wrong in the body: clients read a status other than 200 as a broken transport.
      return reply.type('application/json').send(errorBody(body, toJsonRpcError(cause, request.id)))
    } finally {
      duration.observe((performance.now() - startedMs) / 1000, { outcome })
    }
  }

  for (const url of ['/', '/rpc']) app.post(url, { bodyLimit: config.rpcBodyBytesMax, errorHandler: jsonRpcRefusal }, handle)
}

/** Of these no other request would have helped the client. */
const OUR_FAULT: ReadonlySet<string> = new Set(['INTERNAL', 'UNAVAILABLE', 'DEADLINE_EXCEEDED', 'DATA_LOSS'])

/** What is refused before the handler runs (size, rate, a stop) in the form that JSON-RPC clients read. */
function jsonRpcRefusal(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const tooLarge = typeof error === 'object' && error !== null && 'statusCode' in error && error.statusCode === 413
  const cause = tooLarge ? new ZerogError('LIMIT_EXCEEDED', { message: 'the body is larger than this face accepts' }) : error
  const refused = cause instanceof ZerogError ? cause : undefined
  const status = tooLarge ? 413 : refused?.status === 'RESOURCE_EXHAUSTED' ? 429 : refused?.reason === 'SHUTTING_DOWN' ? 503 : 200
  reply
    .code(status)
    .type('application/json')
    .send(errorBody(new Uint8Array(), toJsonRpcError(cause, request.id)))
}

async function sendAnswer(reply: FastifyReply, answer: ForwardedAnswer): Promise<FastifyReply> {
  reply.type('application/json')
  const iterator = answer.chunks[Symbol.asyncIterator]()
  const first = await iterator.next()
  if (first.done) return reply.send('')
  const second = await iterator.next()
  // Nearly every answer is one chunk: it goes out with its length.
  if (second.done) return reply.send(Buffer.from(first.value))
  return reply.send(Readable.from(joined([first.value, second.value], iterator), { objectMode: false }))
}

async function* joined(head: readonly Uint8Array[], iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* head
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value
  } finally {
    await iterator.return?.()
  }
}

function timedOut(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError'
}

function tooSlow(limitMs: number): ZerogError {
  return new ZerogError('DEADLINE_EXCEEDED', {
    message: `the chain did not answer within ${limitMs} ms; ask for less (a smaller block range or batch) or raise ZEROG_GATEWAY_REQUEST_TIMEOUT_MS`,
  })
}
