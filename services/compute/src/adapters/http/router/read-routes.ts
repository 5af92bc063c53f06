import { type Hex, toHex } from '@zerog/primitives'
import type { FastifyInstance } from 'fastify'
import type { Directory } from '../../../app/router/directory.ts'
import type { Keys } from '../../../app/router/keys.ts'
import type { RouterRepository, Spend } from '../../../app/router/ports.ts'
import { badRequest, modelNotFound, OpenAiError } from '../../../core/openai/errors.ts'
import { isUsable } from '../../../core/router/health.ts'
import { ROUTER_CORS } from './server.ts'

const PAGE_MAX = 100

/** What costs nothing: models, providers, the key's balance, its answers and their receipts. */
export function registerReads(
  app: FastifyInstance,
  deps: {
    readonly directory: Directory
    readonly keys: Keys
    readonly repository: RouterRepository
    readonly nowMs: () => number
  },
): void {
  const { directory, keys, repository } = deps
  app.addHook('onSend', async (request, reply) => {
    reply.headers({ ...ROUTER_CORS, 'x-request-id': request.id })
  })

  // Without a key: what the gateway's GET /status and whoever checks an installation may know.
  app.get('/v1/zerog/status', () => routerStatus(directory, deps.nowMs()))

  app.get('/v1/models', async (request) => {
    await keys.authenticate(request.headers.authorization)
    return { object: 'list', data: modelList(directory) }
  })
  app.get<{ Params: { '*': string } }>('/v1/models/*', async (request) => {
    await keys.authenticate(request.headers.authorization)
    const wanted = request.params['*']
    const found = modelList(directory).find(({ id }) => id === wanted)
    if (found === undefined) throw modelNotFound(wanted)
    return found
  })
  app.get('/v1/zerog/providers', async (request) => {
    await keys.authenticate(request.headers.authorization)
    return {
      data: directory.providers().map(({ service, health, models, url }) => ({
        provider: service.provider,
        url,
        signer: service.signer,
        models: models.map(({ id }) => id),
        input_price_wei: String(service.inputPrice),
        output_price_wei: String(service.outputPrice),
        verifiability: service.verifiability,
        additional_info: service.additionalInfo,
        up: isUsable(health, deps.nowMs()),
        latency_ms: health.latencyMs ?? null,
      })),
    }
  })
  app.get('/v1/zerog/balance', async (request) => {
    const { record } = await keys.authenticate(request.headers.authorization, { fresh: true })
    const left = record.budget === null ? null : String(record.budget - record.spent)
    return {
      key: record.id,
      name: record.name,
      budget_wei: record.budget === null ? null : String(record.budget),
      spent_wei: String(record.spent),
      remaining_wei: left,
    }
  })
  app.get<{ Querystring: { limit?: string } }>('/v1/zerog/usage', async (request) => {
    const { record } = await keys.authenticate(request.headers.authorization)
    const limit = Number(request.query.limit ?? 20)
    if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_MAX) throw badRequest(`limit must be 1 to ${PAGE_MAX}`, 'limit')
    return { data: (await repository.spends({ keyId: record.id, limit })).map(shownSpend) }
  })
  app.get<{ Params: { id: string } }>('/v1/zerog/receipts/:id', async (request) => {
    const { record } = await keys.authenticate(request.headers.authorization)
    const spend = await repository.spend(request.params.id)
    if (spend === undefined || spend.keyId !== record.id) {
      throw new OpenAiError({ status: 404, message: 'This key has no such answer.', code: 'receipt_not_found' })
    }
    const entry = directory.providers().find(({ service }) => service.provider === spend.provider)
    return {
      ...shownSpend(spend),
      receipt: toHex(spend.receipt),
      signer: entry?.service.signer ?? null,
    }
  })
}

function routerStatus(directory: Directory, nowMs: number) {
  const providers = directory.providers()
  const up = providers.filter(({ health }) => isUsable(health, nowMs)).length
  const models = modelList(directory).length
  const detail = `${up} of ${providers.length} providers answer, ${models} models`
  return { ready: models > 0, detail, providers: providers.length, providers_up: up, models }
}

/** One entry per model, with the cheapest of its prices. */
function modelList(directory: Directory) {
  const byId = new Map<
    string,
    { providers: Hex[]; input: bigint; output: bigint; context: number | undefined; raw: Readonly<Record<string, unknown>> }
  >()
  for (const { id, provider, price, contextTokens, raw } of directory.models()) {
    const known = byId.get(id)
    if (known === undefined) {
      byId.set(id, { providers: [provider], input: price.inputPrice, output: price.outputPrice, context: contextTokens, raw })
      continue
    }
    known.providers.push(provider)
    if (price.inputPrice + price.outputPrice < known.input + known.output) {
      known.input = price.inputPrice
      known.output = price.outputPrice
    }
  }
  return [...byId].map(([id, { providers, input, output, context, raw }]) => ({
    id,
    object: 'model' as const,
    created: typeof raw.created === 'number' ? raw.created : 0,
    owned_by: typeof raw.owned_by === 'string' ? raw.owned_by : 'zerog',
    ...(context === undefined ? {} : { context_length: context }),
    pricing: { prompt_wei: String(input), completion_wei: String(output) },
    providers,
  }))
}

function shownSpend(spend: Spend) {
  return {
    id: spend.answerId,
    provider: spend.provider,
    model: spend.model,
    state: spend.state,
    cost_wei: String(spend.cost),
    prompt_tokens: spend.promptTokens,
    completion_tokens: spend.completionTokens,
    at: new Date(spend.atMs).toISOString(),
  }
}
