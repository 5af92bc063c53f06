import { toHex, ZerogError } from '@zerog/primitives'
import type { GenerateCall, GenerateEvent, PromptInput, WorkerClient, WorkerModel } from '../app/broker/ports.ts'
import type { EngineEvent, EngineInput, EngineLogprob, EngineModel, Turn } from '../app/worker/engine.ts'
import type { Worker, WorkerRequest } from '../app/worker/worker.ts'
import type { Logprob } from '../core/broker/openai-answer.ts'
import { readDelta } from '../core/broker/upstream-message.ts'
import { isObject } from '../core/openai/fields.ts'

/** A worker within the broker's own process: the same queues and engines, without the messages between (ADR 0165). */
export function localWorkerClient(worker: Worker): WorkerClient {
  return {
    listModels: async () => worker.models().map(modelOf),
    async *generate(call, signal) {
      for await (const event of worker.generate(requestOf(call), signal)) yield eventOf(event)
    },
    async embed(call, signal) {
      const { vectors, usage } = await worker.embed(call, signal)
      if (vectors.length === call.inputs.length) return { vectors, usage }
      throw new ZerogError('VERIFICATION_FAILED', { message: `${vectors.length} vectors for ${call.inputs.length} texts` })
    },
    countTokens: async ({ model, input }) => worker.countTokens(model, inputOf(input)).tokenCount,
  }
}

function modelOf({ kind, root, ...model }: EngineModel): WorkerModel {
  return { ...model, engine: kind, root: root === undefined ? undefined : toHex(root) }
}

function requestOf(call: GenerateCall): WorkerRequest {
  const { temperatureMilli, topPMilli, topK, seed } = call
  return {
    model: call.model,
    account: call.account,
    input: inputOf(call.input),
    maxTokens: call.maxTokens,
    stop: call.stop,
    sampling: { temperatureMilli, topPMilli: topPMilli === 0 ? 1000 : topPMilli, topK, seed },
    topLogprobs: call.logprobs.wanted ? call.logprobs.top : undefined,
    withTrace: call.withTrace,
    upstreamFields: fieldsOf(call.upstreamFieldsJson),
  }
}

function inputOf(input: PromptInput): EngineInput {
  if (input.kind === 'prompt') return { kind: 'prompt', text: input.prompt }
  // The broker's parser lets no other role in.
  return { kind: 'chat', messages: input.messages as readonly Turn[] }
}

function fieldsOf(json: string): Readonly<Record<string, unknown>> {
  if (json === '') return {}
  const value: unknown = JSON.parse(json) // the broker wrote it
  return isObject(value) ? value : {}
}

function eventOf({ text, tokens, logprobs, upstreamDelta, finish }: EngineEvent): GenerateEvent {
  return {
    text,
    // An upstream tells no token ids: each of its events counts as one.
    tokenCount: tokens.length > 0 ? tokens.length : text === '' && upstreamDelta === undefined ? 0 : 1,
    logprobs: logprobs.map(logprobOf),
    fields: upstreamDelta === undefined ? undefined : readDelta(upstreamDelta),
    end: finish && {
      finishReason: finish.reason,
      usage: finish.usage,
      traceRoot: finish.trace && toHex(finish.trace.traceRoot),
    },
  }
}

function logprobOf({ text, logprobMicro, top }: EngineLogprob): Logprob {
  return { text, logprob: logprobMicro / 1_000_000, top: top.map(logprobOf) }
}
