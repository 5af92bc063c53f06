import { ZerogError } from '@zerog/primitives'
import type { Hex } from 'viem'
import type { Context } from '../client.ts'
import { type ComputeOptions, callRouter } from './api.ts'

export type ChatRequest = {
  readonly model: string
  readonly messages: readonly { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }[]
  readonly maxTokens?: number
  readonly temperature?: number
  readonly topP?: number
  readonly seed?: number
  readonly stop?: readonly string[]
  /** Commit to token ids and trace; only models that can be executed again. */
  readonly trace?: boolean
  /** Further fields of OpenAI's request, e.g. `tools`, or `provider` to choose one. */
  readonly extra?: Readonly<Record<string, unknown>>
}

/** An answer with the exact bytes that its receipt is about. */
export type ChatAnswer = {
  /** Id of answer and receipt. */
  readonly id: string
  readonly provider: Hex
  readonly text: string
  readonly finishReason: string
  readonly usage: { readonly promptTokens: number; readonly completionTokens: number } | undefined
  /** Known at once for answers in one piece; of streams the receipt tells it. */
  readonly costWei: bigint | undefined
  readonly requestBytes: Uint8Array
  readonly responseBytes: Uint8Array
  readonly stream: boolean
}

/**
 * Asks a model through the router. With `onText` the answer is streamed and handed on as it comes.
 * @example const { text } = await chat(client, { model: 'zerog-assistant', messages: [{ role: 'user', content: 'hi' }] }, { apiKey })
 * @throws ZerogError UNAUTHENTICATED, INSUFFICIENT_FUNDS, RATE_LIMITED, NOT_FOUND, INVALID_ARGUMENT, DEPENDENCY_UNAVAILABLE
 */
export async function chat(
  context: Context,
  request: ChatRequest,
  options: ComputeOptions & { readonly onText?: (text: string) => void; readonly idempotencyKey?: string },
): Promise<ChatAnswer> {
  const stream = options.onText !== undefined
  const requestBytes = new TextEncoder().encode(JSON.stringify(bodyOf(request, stream)))
  const headers = options.idempotencyKey === undefined ? {} : { 'idempotency-key': options.idempotencyKey }
  const response = await callRouter(context, { path: '/chat/completions', body: requestBytes, headers }, options)
  const id = response.headers.get('x-zerog-receipt-id')
  const provider = response.headers.get('x-zerog-provider')
  if (id === null || provider === null) {
    throw new ZerogError('DEPENDENCY_UNAVAILABLE', {
      message: 'this is no router of zerog: the answer names neither receipt nor provider',
    })
  }
  const cost = response.headers.get('x-zerog-cost-wei')
  const common = { id, provider: provider as Hex, requestBytes, stream, costWei: cost === null ? undefined : BigInt(cost) }
  if (!stream) {
    const responseBytes = new Uint8Array(await response.arrayBuffer())
    return { ...common, ...readAnswer(responseBytes), responseBytes }
  }
  const { bytes, ...read } = await readStream(response, options.onText)
  return { ...common, ...read, responseBytes: bytes }
}

function bodyOf(request: ChatRequest, stream: boolean): object {
  const { model, messages, maxTokens, temperature, topP, seed, stop, trace, extra } = request
  return {
    model,
    messages,
    max_completion_tokens: maxTokens,
    temperature,
    top_p: topP,
    seed,
    stop,
    ...(trace === true ? { zerog: { trace: true } } : {}),
    ...extra,
    ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
  }
}

type Read = Pick<ChatAnswer, 'text' | 'finishReason' | 'usage'>

export function readAnswer(bytes: Uint8Array): Read {
  const { choices, usage } = parse(new TextDecoder().decode(bytes))
  const choice = choices?.[0]
  return { text: choice?.message?.content ?? '', finishReason: choice?.finish_reason ?? '', usage: usageOf(usage) }
}

/** The events of a whole stream. Throws PAYLOAD_INVALID where one is broken or the order is not that of a stream. */
export function readEvents(bytes: Uint8Array): Read {
  const events = new TextDecoder().decode(bytes).split('\n\n')
  if (events.pop() !== '') throw invalid('the stream was cut within an event')
  if (events.pop() !== 'data: [DONE]') throw invalid('the stream has no end')
  let text = ''
  let finishReason = ''
  let usage: Read['usage']
  let id: string | undefined
  for (const event of events) {
    if (!event.startsWith('data: ')) throw invalid('an event without data')
    const chunk = parse(event.slice(6))
    if (chunk.error !== undefined) throw invalid('the stream ended in an error')
    id ??= chunk.id
    if (chunk.id !== id) throw invalid('an event of another answer')
    if (usage !== undefined) throw invalid('an event after the usage')
    usage = usageOf(chunk.usage)
    const choice = chunk.choices?.find((one: any) => one.index === 0)
    if (choice === undefined) continue
    if (finishReason !== '') throw invalid('text after the end of the answer')
    text += choice.delta?.content ?? ''
    finishReason = choice.finish_reason ?? ''
  }
  if (finishReason === '') throw invalid('the answer has no end')
  return { text, finishReason, usage }
}

async function readStream(
  response: Response,
  onText: ((text: string) => void) | undefined,
): Promise<Read & { readonly bytes: Uint8Array }> {
  const parts: Uint8Array[] = []
  const decoder = new TextDecoder()
  let rest = ''
  const reader = response.body?.getReader()
  for (;;) {
    const { value, done } = (await reader?.read()) ?? { value: undefined, done: true }
    if (done || value === undefined) break
    parts.push(value)
    const events = (rest + decoder.decode(value, { stream: true })).split('\n\n')
    rest = events.pop() ?? ''
    for (const event of events) {
      if (!event.startsWith('data: {')) continue
      const delta = parse(event.slice(6)).choices?.find((one: any) => one.index === 0)?.delta?.content
      if (typeof delta === 'string' && delta !== '') onText?.(delta)
    }
  }
  const bytes = joined(parts)
  return { ...readEvents(bytes), bytes }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}

function usageOf(usage: any): Read['usage'] {
  if (usage === undefined || usage === null) return undefined
  return { promptTokens: Number(usage.prompt_tokens), completionTokens: Number(usage.completion_tokens) }
}

function parse(text: string): any {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ZerogError('PAYLOAD_INVALID', { message: 'the answer is no JSON', cause })
  }
}

function invalid(problem: string): ZerogError {
  return new ZerogError('PAYLOAD_INVALID', { message: `not an answer in OpenAI's form: ${problem}` })
}
