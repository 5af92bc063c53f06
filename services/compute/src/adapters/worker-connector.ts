import type { Client, Rpc } from '@zerog/ports'
import { fromHex, type Hex, toHex, ZerogError } from '@zerog/primitives'
import {
  EngineKind,
  FinishReason,
  type GenerateResponse,
  type Model,
  type TokenLogprob,
  WorkerServiceDefinition,
} from '@zerog/proto/compute'
import type { GenerateCall, GenerateEvent, PromptInput, WorkerClient, WorkerConnector, WorkerModel } from '../app/broker/ports.ts'
import type { FinishReason as FinishName, Logprob } from '../core/broker/openai-answer.ts'
import { readDelta } from '../core/broker/upstream-message.ts'

/** Workers over gRPC or the in-process channel. What they send is checked for form; what it costs is checked by the broker. */
export function rpcWorkerConnector(rpc: Rpc): WorkerConnector {
  return {
    instances: () => rpc.instances('compute-worker'),
    client: (instance) => workerClient(rpc.client(WorkerServiceDefinition, 'compute-worker', instance), retriesOf(rpc)),
  }
}

/** Nothing is lost by asking again before the first token. The only worker is waited for through its restart (5 s); of several another is asked. */
function retriesOf(rpc: Rpc): number {
  return rpc.instances('compute-worker') === 1 ? 7 : 1
}

function workerClient(client: Client<WorkerServiceDefinition>, retriesMax: number): WorkerClient {
  return {
    async listModels(signal) {
      const { models } = await client.listModels({}, { signal, retriesMax: 0 })
      return models.slice(0, MODELS_MAX).map(readModel)
    },
    async *generate(call, signal) {
      for await (const response of client.generate(encodeCall(call), { signal, retriesMax })) yield readEvent(response)
    },
    async embed({ model, inputs, account }, signal) {
      const request = { model, inputs: [...inputs], account: Buffer.from(fromHex(account, 20)) }
      const { embeddings, usage } = await client.embed(request, { signal, timeoutMs: EMBED_MS, retriesMax: 0 })
      if (embeddings.length !== inputs.length) throw malformed(`${embeddings.length} vectors for ${inputs.length} texts`)
      return { vectors: embeddings.map(({ values }) => values), usage: readUsage(usage) }
    },
    async countTokens({ model, input }, signal) {
      const { tokenCount } = await client.countTokens({ model, input: encodeInput(input) }, { signal, retriesMax })
      return tokenCount
    },
  }
}

/** Models of one worker that are taken notice of. */
const MODELS_MAX = 256
const EMBED_MS = 120_000

function encodeCall(call: GenerateCall) {
  return {
    model: call.model,
    input: encodeInput(call.input),
    maxTokens: call.maxTokens,
    stop: [...call.stop],
    sampling: { temperatureMilli: call.temperatureMilli, topPMilli: call.topPMilli, topK: call.topK, seed: call.seed },
    topLogprobs: call.logprobs.top,
    withLogprobs: call.logprobs.wanted,
    account: Buffer.from(fromHex(call.account, 20)),
    withTrace: call.withTrace,
    upstreamFieldsJson: call.upstreamFieldsJson,
  }
}

function encodeInput(input: PromptInput) {
  return input.kind === 'chat'
    ? { $case: 'chat' as const, value: { messages: [...input.messages] } }
    : { $case: 'prompt' as const, value: input.prompt }
}

const ENGINES: Readonly<Record<number, WorkerModel['engine']>> = {
  [EngineKind.ENGINE_KIND_INTEGER]: 'integer',
  [EngineKind.ENGINE_KIND_GGUF]: 'gguf',
  [EngineKind.ENGINE_KIND_UPSTREAM]: 'upstream',
}

function readModel(model: Model): WorkerModel {
  const engine = ENGINES[model.engine]
  if (engine === undefined) throw malformed(`engine kind ${model.engine}`)
  if (model.id === '' || model.id.length > 256) throw malformed('a model without a usable id')
  if (model.root.length !== 0 && model.root.length !== 32) throw malformed(`a model root of ${model.root.length} bytes`)
  return {
    id: model.id,
    engine,
    root: hashOf(model.root),
    contextTokens: model.contextTokens,
    chat: model.chat,
    completions: model.completions,
    embeddings: model.embeddings,
    logprobs: model.logprobs,
    parameterCount: model.parameterCount,
    reExecutable: model.reExecutable,
  }
}

const REASONS: Readonly<Record<number, FinishName>> = {
  [FinishReason.FINISH_REASON_STOP]: 'stop',
  [FinishReason.FINISH_REASON_LENGTH]: 'length',
  [FinishReason.FINISH_REASON_TOOL_CALLS]: 'tool_calls',
}

function readEvent(response: GenerateResponse): GenerateEvent {
  const finishReason = REASONS[response.finishReason]
  return {
    text: response.text,
    // An upstream tells no token ids: each of its events counts as one.
    tokenCount:
      response.tokens.length > 0 ? response.tokens.length : response.text === '' && response.upstreamDeltaJson === '' ? 0 : 1,
    logprobs: response.logprobs.map(readLogprob),
    fields: response.upstreamDeltaJson === '' ? undefined : readDelta(response.upstreamDeltaJson),
    end:
      finishReason === undefined
        ? undefined
        : { finishReason, usage: readUsage(response.usage), traceRoot: hashOf(response.traceRoot) },
  }
}

function readLogprob({ text, logprobMicro, top }: TokenLogprob): Logprob {
  return { text, logprob: Number(logprobMicro) / 1_000_000, top: top.map(readLogprob) }
}

function readUsage(usage: GenerateResponse['usage']) {
  const { promptTokens = 0, completionTokens = 0, cachedTokens = 0 } = usage ?? {}
  return { promptTokens, completionTokens, cachedTokens }
}

function hashOf(bytes: Uint8Array): Hex | undefined {
  return bytes.length === 32 ? toHex(bytes) : undefined
}

function malformed(what: string): ZerogError {
  return new ZerogError('VERIFICATION_FAILED', { message: `the worker sent ${what}; check which release it runs` })
}
