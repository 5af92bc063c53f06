import { type Hex, ZerogError } from '@zerog/primitives'
import type { FastifyInstance } from 'fastify'
import type { Broker } from '../../../app/broker/broker.ts'
import type { WorkerModel } from '../../../app/broker/ports.ts'
import type { Price } from '../../../core/broker/price.ts'
import { simulatedQuote } from '../../../core/broker/quote.ts'

export type ProviderRoutesOptions = { readonly signer: Hex; readonly provider: Hex; readonly chainId: bigint }

/** What a provider says about itself and to its users, as 0G's SDK asks for it. */
export function registerProviderRoutes(
  app: FastifyInstance,
  options: ProviderRoutesOptions,
  { broker, sha256 }: { readonly broker: Broker; readonly sha256: (bytes: Uint8Array) => Hex },
): void {
  const quote = simulatedQuote(options, sha256)
  app.get('/v1/quote', async () => quote)
  app.get('/v1/proxy/attestation/report', async () => quote)
  app.post('/v1/quote/verify/gpu', async (_request, reply) =>
    reply.code(501).send({ error: 'this provider has no GPU attestation: its signer is software, and /v1/quote says so' }),
  )

  const models = async () => ({
    object: 'list',
    data: broker.models().map((model) => modelJson(model, broker.priceOf(model.id), options.provider)),
  })
  app.get('/v1/models', models)
  app.get('/v1/proxy/models', models)

  app.get<{ Params: { address: string } }>('/v1/user/:address/unsettledfee', async ({ params, headers }) => {
    const user = await broker.authorize(headers.authorization)
    if (params.address.toLowerCase() !== user) {
      throw new ZerogError('UNAUTHENTICATED', { message: 'the token is of another user than the path' })
    }
    return { unsettledFee: String(await broker.unsettled(user)) }
  })

  // Fine-tuning is not offered: its reads answer with nothing, so that 0G's SDK shows an empty list instead of an error.
  app.get('/v1/model', async () => [])
  app.get('/v1/lora/adapters', async () => [])
  app.get('/v1/task/pending', async (_request, reply) => reply.type('text/plain; charset=utf-8').send('0'))
  app.get<{ Params: { address: string } }>('/v1/user/:address/task', async () => [])
}

/** OpenAI's model object with 0G's fields beside it; prices in wei (neuron) per token. */
function modelJson(model: WorkerModel, price: Price, provider: Hex) {
  return {
    id: model.id,
    object: 'model',
    created: 0,
    owned_by: provider,
    provider,
    name: model.id,
    type: model.chat ? 'chatbot' : model.embeddings ? 'embedding' : 'completion',
    context_length: model.contextTokens,
    tee_attested: false,
    pricing: {
      prompt: String(price.inputPrice),
      completion: String(price.outputPrice),
      ...(price.cachedDivisor > 1 ? { cache_token_billing: { divisor: price.cachedDivisor } } : {}),
      ...(price.tiers.length === 0
        ? {}
        : {
            tiered_pricing: price.tiers.map((tier) => ({
              max_input_tokens: tier.inputTokensMax,
              input_multiplier: tier.inputMultiplier,
              input_multiplier_denominator: tier.inputMultiplierDenominator,
              output_multiplier: tier.outputMultiplier,
              output_multiplier_denominator: tier.outputMultiplierDenominator,
            })),
          }),
    },
    zerog: {
      engine: model.engine,
      root: model.root ?? null,
      re_executable: model.reExecutable,
      chat: model.chat,
      completions: model.completions,
      embeddings: model.embeddings,
      logprobs: model.logprobs,
      parameter_count: String(model.parameterCount),
      verification: model.reExecutable ? 'preview: re-executable on request, without disputes' : 'signed answers only',
    },
  }
}
