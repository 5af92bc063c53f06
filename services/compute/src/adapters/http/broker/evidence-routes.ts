import { ZerogError } from '@zerog/primitives'
import type { FastifyInstance } from 'fastify'
import type { Broker } from '../../../app/broker/broker.ts'
import type { EvidenceDesk } from '../../../app/broker/evidence.ts'

/** Evidence of an answer, for the user who asked: it holds the salt of the receipt, which is nobody else's business. */
export function registerEvidenceRoutes(
  app: FastifyInstance,
  { broker, desk }: { readonly broker: Pick<Broker, 'authorize' | 'receipt'>; readonly desk: EvidenceDesk },
): void {
  app.get<{ Params: { id: string } }>('/v1/evidence/:id', async ({ params, headers }, reply) => {
    const user = await broker.authorize(headers.authorization)
    const stored = await broker.receipt(params.id)
    if (stored.receipt.user !== user)
      throw new ZerogError('NOT_FOUND', { message: `there is no answer ${params.id} of yours here` })
    const bytes = await desk.file(stored)
    return reply.headers({ 'content-type': EVIDENCE_TYPE }).send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
  })
}

export const EVIDENCE_TYPE = 'application/vnd.zerog.evidence'
