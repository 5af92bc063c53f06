import { ZerogError } from '@zerog/primitives'
import type { FastifyInstance } from 'fastify'
import type { Broker } from '../../../app/broker/broker.ts'
import type { EvidenceDesk } from '../../../app/broker/evidence.ts'
import type { LineageAnswer, LineageBatch, LineageRepository } from '../../../app/broker/lineage.ts'

/** Evidence and lineage of answers, for the user who asked: evidence holds the salt of the receipt, which is nobody else's business. */
export function registerEvidenceRoutes(
  app: FastifyInstance,
  {
    broker,
    desk,
    lineage,
  }: {
    readonly broker: Pick<Broker, 'authorize' | 'receipt'>
    readonly desk: EvidenceDesk
    readonly lineage: LineageRepository
  },
): void {
  app.get<{ Params: { id: string } }>('/v1/evidence/:id', async ({ params, headers }, reply) => {
    const user = await broker.authorize(headers.authorization)
    const stored = await broker.receipt(params.id)
    if (stored.receipt.user !== user)
      throw new ZerogError('NOT_FOUND', { message: `there is no answer ${params.id} of yours here` })
    const bytes = await desk.file(stored)
    return reply.type('application/vnd.zerog.evidence').send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
  })

  /** The user's answers by id, batch, blob or model, and the batches that hold them. */
  app.get<{ Params: { name: string } }>('/v1/lineage/:name', async ({ params, headers }) => {
    const user = await broker.authorize(headers.authorization)
    const { answers, batches } = await lineage.find(user, params.name)
    return { answers: answers.map(answerJson), batches: batches.map(batchJson) }
  })
}

function answerJson({ id, model, modelRoot, requestHash, responseHash, finishedAtMs, batchRoot }: LineageAnswer) {
  return {
    id,
    model,
    model_root: modelRoot,
    request_hash: requestHash,
    response_hash: responseHash,
    finished_at_ms: finishedAtMs,
    batch_root: batchRoot ?? null,
  }
}

function batchJson({ root, state, publication, anchorTransaction, settlementTransaction }: LineageBatch) {
  return {
    root,
    state,
    data_root: publication?.dataRoot ?? null,
    epoch: publication === undefined ? null : String(publication.epoch),
    quorum_id: publication === undefined ? null : String(publication.quorumId),
    anchor_transaction: anchorTransaction ?? null,
    settlement_transaction: settlementTransaction ?? null,
  }
}
