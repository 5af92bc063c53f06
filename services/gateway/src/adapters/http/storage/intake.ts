import type { Clock } from '@zerog/ports'
import { type Budget, budget, ZerogError } from '@zerog/primitives'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { STORAGE_LIMITS } from './limits.ts'

/**
 * Thousands of parallel posts wait here before their bodies are read: the sockets hold them back, so memory is bounded by the limit
 * and not by what clients send. One intake is shared by all routes that take segments.
 */
export type Intake = {
  readonly admit: (request: FastifyRequest, reply: FastifyReply) => Promise<void>
  readonly bodyArrived: (request: FastifyRequest) => void
  readonly bytes: Budget
}

export function createIntake(clock: Clock): Intake {
  const bytes = budget({ max: STORAGE_LIMITS.bodyBytesInFlightMax, queueMax: STORAGE_LIMITS.bodiesWaitingMax })
  const reading = new WeakMap<FastifyRequest, () => void>()
  return {
    bytes,
    async admit(request, reply) {
      const gone = new AbortController()
      const onClose = () => gone.abort(new ZerogError('CANCELLED', { message: 'the client went away' }))
      reply.raw.once('close', onClose)
      const release = await bytes.take(lengthOf(request), gone.signal)
      reply.raw.once('close', release)
      // A body that does not come must not hold the place of others.
      const cancel = clock.after(STORAGE_LIMITS.bodyReadMs, () => request.raw.destroy())
      reading.set(request, cancel)
      reply.raw.once('close', cancel)
    },
    bodyArrived: (request) => reading.get(request)?.(),
  }
}

function lengthOf(request: FastifyRequest): number {
  const length = Number(request.headers['content-length'])
  return Number.isSafeInteger(length) && length > 0 ? length : STORAGE_LIMITS.bodyBytesUnknown
}
