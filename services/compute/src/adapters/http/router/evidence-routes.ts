import type { FastifyInstance } from 'fastify'
import type { Directory } from '../../../app/router/directory.ts'
import type { EvidenceReader } from '../../../app/router/evidence.ts'
import type { Keys } from '../../../app/router/keys.ts'
import type { LineageReader } from '../../../app/router/lineage.ts'
import type { RouterRepository, Spend } from '../../../app/router/ports.ts'
import { OpenAiError } from '../../../core/openai/errors.ts'

/**
 * `GET /v1/lineage/<answer id or root>`: what providers know of answers of this key. `GET /v1/evidence/<answer id>`: the file of an answer of this key, 409 with
 * `retry-after` while its provider has not settled it.
 */
export function registerEvidence(
  app: FastifyInstance,
  deps: {
    readonly directory: Directory
    readonly keys: Keys
    readonly repository: RouterRepository
    readonly evidence: EvidenceReader
    readonly lineage: LineageReader
    /** Resolves when everything so far is in the books: an answer is there a moment before its spend is. */
    readonly written: () => Promise<void>
    readonly signal: AbortSignal
  },
): void {
  const { directory, keys, repository, evidence, lineage, signal } = deps

  async function spendOf(id: string): Promise<Spend | undefined> {
    const spend = await repository.spend(id)
    if (spend !== undefined && spend.state !== 'open') return spend
    await deps.written()
    return repository.spend(id)
  }

  app.get<{ Params: { id: string } }>('/v1/evidence/:id', async ({ params, headers }, reply) => {
    const { record } = await keys.authenticate(headers.authorization)
    const spend = await spendOf(params.id)
    if (spend === undefined || spend.keyId !== record.id) {
      throw new OpenAiError({ status: 404, message: 'This key has no such answer.', code: 'answer_not_found' })
    }
    if (spend.state === 'void') {
      throw new OpenAiError({
        status: 409,
        message: 'This answer is void: nothing was paid for it, so nothing is settled.',
        code: 'void',
      })
    }
    if (spend.state === 'open') {
      const message = 'The answer is not settled yet: it runs, or its receipt is on its way.'
      throw new OpenAiError({ status: 409, message, code: 'wrong_state', retryAfterMs: 1000 })
    }
    const provider = directory.providers().find(({ service }) => service.provider === spend.provider)
    if (provider === undefined) {
      throw new OpenAiError({
        status: 503,
        message: `The provider of this answer, ${spend.provider}, is not there. Try again later.`,
        code: 'provider_unavailable',
        retryAfterMs: 5000,
      })
    }
    const bytes = await evidence.read(spend, provider, signal)
    return reply
      .type('application/vnd.zerog.evidence')
      .header('content-disposition', `attachment; filename="${spend.answerId.replace(/[^\w.-]/g, '_')}.0gev"`)
      .send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
  })

  app.get<{ Params: { name: string } }>('/v1/lineage/:name', async ({ params, headers }) => {
    const { record } = await keys.authenticate(headers.authorization)
    return lineage.read({ name: params.name, keyId: record.id }, directory.providers(), signal)
  })
}
