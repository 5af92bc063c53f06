import type { SamplingParams } from '@zerog/evidence'
import { bytesToBigint, ZerogError } from '@zerog/primitives'
import { promptTokensBound } from '../../core/broker/bounds.ts'
import { feeMax } from '../../core/broker/price.ts'
import { badRequest, modelNotFound } from '../../core/openai/errors.ts'
import type { GenerationRequest } from '../../core/openai/request.ts'
import type { Accounts, Reservation } from './accounts.ts'
import { newAnswerId } from './answer-id.ts'
import type { Asked, BrokerDeps, BrokerOptions } from './broker.ts'
import type { Generation } from './generation.ts'
import type { GenerateCall, PromptInput, TakenModel, WorkerModel } from './ports.ts'

/**
 * Turns a request into what will run, and reserves its highest possible fee. Throws OpenAiError for what the model cannot do,
 * INSUFFICIENT_FUNDS for what the user cannot pay. The worker is given back where it throws.
 */
export async function planGeneration(
  asked: Asked,
  request: GenerationRequest,
  { options, deps, signal }: { readonly options: BrokerOptions; readonly deps: BrokerDeps; readonly signal: AbortSignal },
): Promise<Generation> {
  const taken = deps.workers.take(request.model)
  if (taken === undefined) throw modelNotFound(request.model)
  try {
    checkAbilities(request, taken.model)
    const inputs = inputsOf(request)
    const room = await tokensOf(request, inputs, taken, { completionTokensDefault: options.completionTokensDefault, signal })
    const price = deps.priceOf(taken.model.id)
    const completionTokensMax = room.maxTokens * inputs.length * request.n
    const most = feeMax(price, room.promptTokensMax, completionTokensMax)
    const params: SamplingParams = {
      maxTokens: room.maxTokens,
      seed: request.seed ?? (request.temperatureMilli === 0 ? 0n : bytesToBigint(deps.random.bytes(8))),
      stop: request.stop,
      temperatureMilli: request.temperatureMilli,
      topK: request.topK,
      topPMilli: request.topPMilli,
    }
    const reservation = await reserveFor(asked, most, deps.accounts)
    return {
      frame: {
        id: newAnswerId(request.kind, deps.random),
        kind: request.kind,
        model: taken.model.id,
        createdSeconds: Math.floor(deps.clock.nowMs() / 1000),
      },
      user: asked.user,
      taken,
      price,
      calls: callsOf(request, { inputs, params, user: asked.user }),
      choicesPerPrompt: request.n,
      params,
      promptTokensMax: room.promptTokensMax,
      completionTokensMax,
      requestHash: deps.hashing.sha256(asked.body),
      acknowledgement: asked.acknowledgement,
      async confirm() {
        await asked.admitted
        await reservation.confirm()
      },
      logprobs: request.logprobs.wanted,
      includeUsage: request.includeUsage,
      reservation,
    }
  } catch (error) {
    taken.release()
    throw error
  }
}

/** What an old state of the chain cannot pay may be there by the new one. */
export async function reserveFor(asked: Asked, feeMax: bigint, accounts: Accounts): Promise<Reservation> {
  try {
    return await accounts.reserve(asked.user, feeMax)
  } catch {
    await asked.admitted
    return accounts.reserve(asked.user, feeMax)
  }
}

function checkAbilities(request: GenerationRequest, model: WorkerModel): void {
  const served = request.kind === 'chat' ? model.chat : model.completions
  if (!served) throw badRequest(`The model \`${model.id}\` does not serve ${request.kind}s.`, 'model', 'unsupported_model')
  if (request.logprobs.wanted && !model.logprobs) {
    throw badRequest(`The model \`${model.id}\` gives no log probabilities.`, 'logprobs', 'unsupported_parameter')
  }
  const foreign = Object.keys(request.upstreamFields)[0]
  if (foreign !== undefined && model.engine !== 'upstream') {
    throw badRequest(`'${foreign}' is not supported by the model \`${model.id}\`.`, foreign, 'unsupported_parameter')
  }
  if (!request.withTrace) return
  if (!model.reExecutable) {
    throw badRequest(`The model \`${model.id}\` cannot be executed again.`, 'zerog.trace', 'unsupported_parameter')
  }
  if (request.n > 1 || request.prompts.length > 1) {
    throw badRequest("A trace covers one choice: leave out 'n' and give one prompt.", 'zerog.trace', 'invalid_value')
  }
}

function inputsOf(request: GenerationRequest): readonly PromptInput[] {
  if (request.kind === 'chat') return [{ kind: 'chat', messages: request.messages }]
  return request.prompts.map((prompt) => ({ kind: 'prompt', prompt }))
}

/**
 * Bounds for the tokens of all prompts and of one answer. Exact counts are asked for only where the bound of a byte per token could
 * not fit into the context.
 */
async function tokensOf(
  request: GenerationRequest,
  inputs: readonly PromptInput[],
  { client, model }: TakenModel,
  { completionTokensDefault, signal }: { readonly completionTokensDefault: number; readonly signal: AbortSignal },
): Promise<{ readonly promptTokensMax: number; readonly maxTokens: number }> {
  const wanted = Math.min(request.maxTokens ?? completionTokensDefault, model.contextTokens)
  const upstreamBytes = model.engine === 'upstream' ? JSON.stringify(request.upstreamFields).length : 0
  const bound = promptTokensBound({
    textBytes: request.textBytes + upstreamBytes,
    messageCount: Math.max(request.messages.length, inputs.length),
  })
  if (bound + wanted <= model.contextTokens || model.engine === 'upstream') return { promptTokensMax: bound, maxTokens: wanted }
  const counts = await Promise.all(inputs.map((input) => client.countTokens({ model: model.id, input }, signal)))
  const longest = Math.max(...counts)
  const left = model.contextTokens - longest
  if (left < 1 || (request.maxTokens !== undefined && request.maxTokens > left && longest >= model.contextTokens)) {
    throw badRequest(
      `This model's maximum context length is ${model.contextTokens} tokens. However, your prompt has ${longest} tokens.`,
      request.kind === 'chat' ? 'messages' : 'prompt',
      'context_length_exceeded',
    )
  }
  return { promptTokensMax: counts.reduce((sum, count) => sum + count, 0), maxTokens: Math.min(wanted, left) }
}

function callsOf(
  request: GenerationRequest,
  of: { readonly inputs: readonly PromptInput[]; readonly params: SamplingParams; readonly user: GenerateCall['account'] },
): readonly GenerateCall[] {
  const upstreamFieldsJson = Object.keys(request.upstreamFields).length === 0 ? '' : JSON.stringify(request.upstreamFields)
  const calls = of.inputs.flatMap((input) =>
    Array.from(
      { length: request.n },
      (_, choice): GenerateCall => ({
        model: request.model,
        input,
        maxTokens: of.params.maxTokens,
        stop: request.stop,
        temperatureMilli: request.temperatureMilli,
        topPMilli: request.topPMilli,
        topK: request.topK,
        // Each choice draws by a seed of its own, the first by the one of the receipt.
        seed: BigInt.asUintN(64, of.params.seed + BigInt(choice)),
        logprobs: request.logprobs,
        account: of.user,
        withTrace: request.withTrace,
        upstreamFieldsJson,
      }),
    ),
  )
  if (calls.length <= CHOICES_MAX) return calls
  throw new ZerogError('LIMIT_EXCEEDED', { message: `prompts times n is ${calls.length}, at most ${CHOICES_MAX}` })
}
/** Choices of all prompts of one request. */
const CHOICES_MAX = 32
