import { isObject, type JsonObject } from '../openai/fields.ts'
import { utf8Length } from '../openai/request.ts'

/** One log probability as an upstream gave it. */
export type UpstreamLogprob = {
  readonly text: Uint8Array
  readonly logprobMicro: number
  readonly top: readonly UpstreamLogprob[]
}

/** One piece of an upstream's answer, streamed or whole. */
export type UpstreamPiece = {
  readonly text: string
  readonly logprobs: readonly UpstreamLogprob[]
  /** What of the delta is not text (tool calls, refusal, reasoning), if anything. */
  readonly delta: JsonObject | undefined
  readonly finishReason: 'stop' | 'length' | 'tool_calls' | undefined
  readonly usage: UpstreamUsage | undefined
}

export type UpstreamUsage = { readonly promptTokens: number; readonly completionTokens: number; readonly cachedTokens: number }

/**
 * Reads one event of a stream, or a whole answer (`message` and `text` instead of `delta`). Throws TypeError for what has not the form
 * of OpenAI's API: an upstream that breaks it is not guessed at.
 */
export function readUpstreamAnswer(text: string): UpstreamPiece {
  const value: unknown = JSON.parse(text)
  if (!isObject(value)) throw new TypeError('an answer that is no object')
  if (value.error !== undefined && value.error !== null) throw new TypeError(`an error in the stream: ${errorText(value.error)}`)
  const usage = readUsage(value.usage)
  const choices = Array.isArray(value.choices) ? value.choices : []
  const choice: unknown = choices[0]
  if (choice === undefined) return { text: '', logprobs: [], delta: undefined, finishReason: undefined, usage }
  if (!isObject(choice)) throw new TypeError('a choice that is no object')
  const message = choice.delta ?? choice.message ?? { content: choice.text }
  if (!isObject(message)) throw new TypeError('a delta that is no object')
  const { content, role: _role, ...rest } = message
  if (content !== undefined && content !== null && typeof content !== 'string') throw new TypeError('content that is no text')
  const delta = Object.fromEntries(Object.entries(rest).filter(([, field]) => field !== null && field !== undefined))
  return {
    text: typeof content === 'string' ? content.toWellFormed() : '',
    logprobs: readLogprobs(choice.logprobs),
    delta: Object.keys(delta).length === 0 ? undefined : delta,
    finishReason: readFinish(choice.finish_reason),
    usage,
  }
}

/** What may be billed of what an upstream claims. `estimated`: it said nothing usable. `clamped`: it said more than can be. */
export function soundUsage(
  claimed: UpstreamUsage | undefined,
  seen: {
    readonly promptTokensMax: number
    readonly promptBytes: number
    readonly pieceCount: number
    readonly tokensMax: number
  },
): { readonly usage: UpstreamUsage; readonly estimated: boolean; readonly clamped: boolean } {
  if (claimed === undefined) {
    // Servers send a token per event; four bytes per token is what English text has in common tokenizers.
    const promptTokens = Math.min(Math.ceil(seen.promptBytes / 4), seen.promptTokensMax)
    const completionTokens = Math.min(seen.pieceCount, seen.tokensMax)
    return { usage: { promptTokens, completionTokens, cachedTokens: 0 }, estimated: true, clamped: false }
  }
  const promptTokens = Math.min(claimed.promptTokens, seen.promptTokensMax)
  const completionTokens = Math.min(claimed.completionTokens, seen.tokensMax)
  const cachedTokens = Math.min(claimed.cachedTokens, promptTokens)
  const clamped = promptTokens < claimed.promptTokens || completionTokens < claimed.completionTokens
  return { usage: { promptTokens, completionTokens, cachedTokens }, estimated: false, clamped }
}

/** Whole numbers from 0 on or nothing: an upstream that counts in halves does not count. */
function readUsage(value: unknown): UpstreamUsage | undefined {
  if (!isObject(value)) return undefined
  const promptTokens = count(value.prompt_tokens)
  const completionTokens = count(value.completion_tokens)
  if (promptTokens === undefined || completionTokens === undefined) return undefined
  const details = isObject(value.prompt_tokens_details) ? value.prompt_tokens_details : {}
  return { promptTokens, completionTokens, cachedTokens: count(details.cached_tokens) ?? 0 }
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff ? value : undefined
}

function readFinish(value: unknown): UpstreamPiece['finishReason'] {
  if (value === undefined || value === null) return undefined
  if (value === 'length') return 'length'
  if (value === 'tool_calls' || value === 'function_call') return 'tool_calls'
  // content_filter and words that we do not know: the answer ended there.
  return 'stop'
}

/** Chat form (`content: [{token, logprob, bytes, top_logprobs}]`) or the older one (`tokens`, `token_logprobs`, `top_logprobs`). */
function readLogprobs(value: unknown): readonly UpstreamLogprob[] {
  if (!isObject(value)) return []
  if (Array.isArray(value.content)) return value.content.map((entry) => readLogprob(entry, true))
  if (!Array.isArray(value.tokens) || !Array.isArray(value.token_logprobs)) return []
  const { tokens, token_logprobs: logprobs } = value
  const tops = Array.isArray(value.top_logprobs) ? value.top_logprobs : []
  return tokens.map((token, index) => ({
    ...readLogprob({ token, logprob: logprobs[index] }, false),
    top: isObject(tops[index])
      ? Object.entries(tops[index]).map(([text, logprob]) => readLogprob({ token: text, logprob }, false))
      : [],
  }))
}

function readLogprob(entry: unknown, withTop: boolean): UpstreamLogprob {
  if (!isObject(entry) || typeof entry.token !== 'string') throw new TypeError('a log probability without a token')
  const { logprob, bytes, top_logprobs: top } = entry
  // The first token of a prompt has null.
  const nats = typeof logprob === 'number' && Number.isFinite(logprob) ? Math.min(0, Math.max(logprob, -10_000)) : 0
  const given = Array.isArray(bytes) && bytes.every((byte) => Number.isInteger(byte) && byte >= 0 && byte < 256)
  return {
    text: given ? Uint8Array.from(bytes as number[]) : new TextEncoder().encode(entry.token),
    logprobMicro: Math.round(nats * 1_000_000),
    top: withTop && Array.isArray(top) ? top.map((other) => readLogprob(other, false)) : [],
  }
}

function errorText(error: unknown): string {
  const message = isObject(error) ? error.message : error
  return typeof message === 'string' ? message.slice(0, 300) : 'unknown'
}

/** Most tokens that text can have: one per byte, and what a template puts around each turn. */
export function promptTokensMax(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + utf8Length(text) + 16, 64)
}
