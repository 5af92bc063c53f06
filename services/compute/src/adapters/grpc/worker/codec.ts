import { type Hex, toHex, ZerogError } from '@zerog/primitives'
import {
  EngineKind,
  FinishReason,
  type GenerateRequest,
  type GenerateResponse,
  type Model,
  type TokenLogprob,
  type Usage,
} from '@zerog/proto/compute'
import type { EngineEvent, EngineInput, EngineLogprob, EngineModel, EngineUsage, Turn } from '../../../app/worker/engine.ts'
import type { WorkerRequest } from '../../../app/worker/worker.ts'
import { isObject } from '../../../core/openai/fields.ts'
import { OPENAI_LIMITS } from '../../../core/openai/limits.ts'

const KINDS = {
  integer: EngineKind.ENGINE_KIND_INTEGER,
  gguf: EngineKind.ENGINE_KIND_GGUF,
  upstream: EngineKind.ENGINE_KIND_UPSTREAM,
} as const

const REASONS = {
  stop: FinishReason.FINISH_REASON_STOP,
  length: FinishReason.FINISH_REASON_LENGTH,
  tool_calls: FinishReason.FINISH_REASON_TOOL_CALLS,
} as const

export function encodeModel(model: EngineModel): Model {
  const { kind, root, ...rest } = model
  return { ...rest, engine: KINDS[kind], root: Buffer.from(root ?? []) }
}

/** Throws INVALID_ARGUMENT with the field's name. */
export function decodeGenerate(request: GenerateRequest): WorkerRequest {
  const { sampling, stop, topLogprobs } = request
  if (stop.length > OPENAI_LIMITS.stopsMax || stop.some((text) => text === '' || text.length > OPENAI_LIMITS.stopBytesMax)) {
    throw invalid('stop', `at most ${OPENAI_LIMITS.stopsMax} sequences of 1 to ${OPENAI_LIMITS.stopBytesMax} bytes`)
  }
  if (topLogprobs > OPENAI_LIMITS.topLogprobsMax) throw invalid('top_logprobs', `at most ${OPENAI_LIMITS.topLogprobsMax}`)
  const temperatureMilli = sampling?.temperatureMilli ?? 0
  const topPMilli = sampling?.topPMilli ?? 0
  if (temperatureMilli > 2000) throw invalid('temperature_milli', 'at most 2,000')
  if (topPMilli > 1000) throw invalid('top_p_milli', 'at most 1,000')
  return {
    model: request.model,
    account: accountOf(request.account),
    input: decodeInput(request.input),
    maxTokens: request.maxTokens === 0 ? undefined : request.maxTokens,
    stop,
    sampling: {
      temperatureMilli,
      topPMilli: topPMilli === 0 ? 1000 : topPMilli,
      topK: sampling?.topK ?? 0,
      seed: sampling?.seed ?? 0n,
    },
    topLogprobs: request.withLogprobs || topLogprobs > 0 ? topLogprobs : undefined,
    withTrace: request.withTrace,
    upstreamFields: decodeFields(request.upstreamFieldsJson),
  }
}

export function decodeInput(input: GenerateRequest['input']): EngineInput {
  if (input === undefined) throw invalid('input', 'a chat or a prompt')
  if (input.$case === 'prompt') return { kind: 'prompt', text: input.value }
  const { messages } = input.value
  if (messages.length > OPENAI_LIMITS.messagesMax) throw invalid('messages', `at most ${OPENAI_LIMITS.messagesMax}`)
  return { kind: 'chat', messages: messages.map(({ role, content }, index) => ({ role: roleOf(role, index), content })) }
}

export function accountOf(account: Uint8Array): Hex {
  if (account.length <= 64) return toHex(account)
  throw invalid('account', 'at most 64 bytes')
}

export function encodeEvent(event: EngineEvent): GenerateResponse {
  const { finish } = event
  return {
    text: event.text,
    tokens: [...event.tokens],
    logprobs: event.logprobs.map(encodeLogprob),
    finishReason: finish === undefined ? FinishReason.FINISH_REASON_UNSPECIFIED : REASONS[finish.reason],
    usage: finish === undefined ? undefined : encodeUsage(finish.usage),
    tokenIdsRoot: Buffer.from(finish?.trace?.tokenIdsRoot ?? []),
    traceRoot: Buffer.from(finish?.trace?.traceRoot ?? []),
    upstreamDeltaJson: event.upstreamDelta ?? '',
  }
}

export function encodeUsage({ promptTokens, completionTokens, cachedTokens }: EngineUsage): Usage {
  return { promptTokens, completionTokens, cachedTokens }
}

export function invalid(param: string, wanted: string): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message: `${param}: expected ${wanted}`, metadata: { param } })
}

function encodeLogprob({ token, text, logprobMicro, top }: EngineLogprob): TokenLogprob {
  return { token, text: Buffer.from(text), logprobMicro: BigInt(logprobMicro), top: top.map(encodeLogprob) }
}

function roleOf(role: string, index: number): Turn['role'] {
  if (role === 'system' || role === 'user' || role === 'assistant') return role
  throw invalid(`messages[${index}].role`, 'system, user or assistant')
}

function decodeFields(text: string): Readonly<Record<string, unknown>> {
  if (text === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // said below
  }
  throw invalid('upstream_fields_json', 'a JSON object')
}
