import { HTTP_STATUS, type Reason, ZerogError } from '@zerog/primitives'
import type { FastifyReply } from 'fastify'

/** RFC 9457 problem document with our reason, the same name as in gRPC and in docs/errors. */
export type Problem = {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly reason: Reason
  readonly requestId: string
  readonly metadata?: Readonly<Record<string, string>>
}

export function toProblem(error: unknown, requestId: string): Problem {
  const known = error instanceof ZerogError ? error : fromFramework(error)
  const hidden = known === undefined || known.status === 'INTERNAL'
  const reason: Reason = hidden ? 'INTERNAL' : known.reason
  return {
    type: `urn:zerog:error:${reason}`,
    title: reason.toLowerCase().replaceAll('_', ' '),
    status: hidden ? 500 : httpStatusOf(known),
    detail: hidden ? `something went wrong on our side; quote request ${requestId}` : known.message,
    reason,
    requestId,
    ...(hidden || Object.keys(known.metadata).length === 0 ? {} : { metadata: known.metadata }),
  }
}

export function sendProblem(reply: FastifyReply, error: unknown, requestId: string): FastifyReply {
  const problem = toProblem(error, requestId)
  const retryAfterMs = error instanceof ZerogError ? error.retryAfterMs : undefined
  if (retryAfterMs !== undefined) reply.header('retry-after', String(Math.ceil(retryAfterMs / 1000)))
  return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem))
}

function httpStatusOf(error: ZerogError): number {
  return error.metadata.httpStatus === '413' ? 413 : HTTP_STATUS[error.status]
}

/** fastify's own refusals (a body above the limit, a broken request line) have a 4xx status. */
function fromFramework(error: unknown): ZerogError | undefined {
  const status = typeof error === 'object' && error !== null && 'statusCode' in error ? Number(error.statusCode) : 500
  const message = error instanceof Error ? error.message : 'the request is malformed'
  if (status === 413) {
    return new ZerogError('LIMIT_EXCEEDED', {
      message: 'the body is larger than this face accepts',
      metadata: { httpStatus: '413' },
    })
  }
  return status >= 400 && status < 500 ? new ZerogError('INVALID_ARGUMENT', { message }) : undefined
}
