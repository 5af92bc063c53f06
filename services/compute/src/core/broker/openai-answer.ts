import type { Usage } from './price.ts'

/** What one answer is called and of which kind it is. */
export type AnswerFrame = {
  readonly id: string
  readonly kind: 'chat' | 'completion'
  readonly model: string
  readonly createdSeconds: number
}

export type Logprob = { readonly text: Uint8Array; readonly logprob: number; readonly top: readonly Logprob[] }

export type FinishReason = 'stop' | 'length' | 'tool_calls'

/** A piece of one choice. */
export type Delta = {
  readonly text: string
  readonly logprobs: readonly Logprob[]
  /** A delta of an upstream that is not text, merged into ours as it came. */
  readonly fields: Readonly<Record<string, unknown>> | undefined
}

export type Choice = {
  readonly text: string
  readonly logprobs: readonly Logprob[] | undefined
  /** Whole fields of a message of an upstream beside its text (tool_calls). */
  readonly fields: Readonly<Record<string, unknown>>
  readonly finishReason: FinishReason
}

/** The whole answer as JSON. https://platform.openai.com/docs/api-reference/chat/object */
export function answerJson(frame: AnswerFrame, choices: readonly Choice[], usage: Usage): string {
  return JSON.stringify({
    ...head(frame, frame.kind === 'chat' ? 'chat.completion' : 'text_completion'),
    choices: choices.map((choice, index) => {
      const { logprobs } = choice
      if (frame.kind === 'completion') {
        return {
          index,
          text: choice.text,
          logprobs: logprobs && completionLogprobs(logprobs),
          finish_reason: choice.finishReason,
        }
      }
      const message = { role: 'assistant', content: contentOf(choice), refusal: null, ...choice.fields }
      return { index, message, logprobs: logprobs ? chatLogprobs(logprobs) : null, finish_reason: choice.finishReason }
    }),
    usage: usageJson(usage),
  })
}

/** First event of a streamed chat answer. */
export function openingEvent(frame: AnswerFrame, index: number, includeUsage: boolean): string {
  const delta = { role: 'assistant', content: '' }
  return chunk(frame, [{ index, delta, logprobs: null, finish_reason: null }], includeUsage)
}

export function deltaEvent(frame: AnswerFrame, index: number, delta: Delta, includeUsage: boolean): string {
  const { text, logprobs, fields } = delta
  if (frame.kind === 'completion') {
    const given = logprobs.length > 0 ? completionLogprobs(logprobs) : null
    return chunk(frame, [{ index, text, logprobs: given, finish_reason: null }], includeUsage)
  }
  const content = text === '' && fields !== undefined ? {} : { content: text }
  const given = logprobs.length > 0 ? chatLogprobs(logprobs) : null
  return chunk(frame, [{ index, delta: { ...content, ...fields }, logprobs: given, finish_reason: null }], includeUsage)
}

export function finishEvent(frame: AnswerFrame, index: number, finishReason: FinishReason, includeUsage: boolean): string {
  const choice = frame.kind === 'completion' ? { index, text: '' } : { index, delta: {} }
  return chunk(frame, [{ ...choice, logprobs: null, finish_reason: finishReason }], includeUsage)
}

/** `stream_options.include_usage`: one event without choices before the end. */
export function usageEvent(frame: AnswerFrame, usage: Usage): string {
  return event({ ...head(frame, objectOf(frame)), choices: [], usage: usageJson(usage) })
}

/** What clients get in place of the rest of a stream that broke. */
export function errorEvent(error: unknown): string {
  return event(error)
}

export const DONE_EVENT = 'data: [DONE]\n\n'

function chunk(frame: AnswerFrame, choices: readonly unknown[], includeUsage: boolean): string {
  return event({ ...head(frame, objectOf(frame)), choices, ...(includeUsage ? { usage: null } : {}) })
}

function event(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`
}

function objectOf(frame: AnswerFrame): string {
  return frame.kind === 'chat' ? 'chat.completion.chunk' : 'text_completion'
}

function head(frame: AnswerFrame, object: string) {
  return { id: frame.id, object, created: frame.createdSeconds, model: frame.model }
}

function contentOf({ text, fields }: Choice): string | null {
  return text === '' && Object.keys(fields).length > 0 ? null : text
}

export function usageJson({ promptTokens, completionTokens, cachedTokens }: Usage) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  }
}

function chatLogprobs(logprobs: readonly Logprob[]) {
  const entry = ({ text, logprob }: Logprob) => ({ token: readable(text), logprob, bytes: [...text] })
  const content = logprobs.map((item) => ({ ...entry(item), top_logprobs: item.top.map(entry) }))
  return { content, refusal: null }
}

function completionLogprobs(logprobs: readonly Logprob[]) {
  let offset = 0
  return {
    tokens: logprobs.map(({ text }) => readable(text)),
    token_logprobs: logprobs.map(({ logprob }) => logprob),
    top_logprobs: logprobs.map(({ top }) => Object.fromEntries(top.map(({ text, logprob }) => [readable(text), logprob]))),
    text_offset: logprobs.map(({ text }) => {
      const at = offset
      offset += readable(text).length
      return at
    }),
  }
}

function readable(text: Uint8Array): string {
  return decoder.decode(text)
}
const decoder = new TextDecoder()
