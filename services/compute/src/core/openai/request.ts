import { badRequest } from './errors.ts'
import {
  checkedText,
  isObject,
  type JsonObject,
  missing,
  optionalArray,
  optionalBoolean,
  optionalInteger,
  optionalNumber,
  optionalObject,
  optionalString,
  parseJsonObject,
  wrongType,
} from './fields.ts'
import { OPENAI_LIMITS as LIMITS } from './limits.ts'

export type ChatTurn = { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }

/** A request to /v1/chat/completions or /v1/completions after checking. Absent fields have OpenAI's defaults. */
export type GenerationRequest = {
  readonly kind: 'chat' | 'completion'
  readonly model: string
  /** Plain text of the turns; for `completion` empty. Not the whole story where `upstreamFields` holds `messages`. */
  readonly messages: readonly ChatTurn[]
  /** For `completion`: one or several. */
  readonly prompts: readonly string[]
  /** Of the answer; undefined: as many as the context has room for. */
  readonly maxTokens: number | undefined
  readonly n: number
  readonly stop: readonly string[]
  readonly temperatureMilli: number
  readonly topPMilli: number
  readonly topK: number
  readonly seed: bigint | undefined
  readonly logprobs: { readonly wanted: boolean; readonly top: number }
  readonly stream: boolean
  readonly includeUsage: boolean
  /** The receipt commits to token ids and trace (extension of ours: `zerog.trace`). */
  readonly withTrace: boolean
  readonly routing: Routing
  /** Fields that only an upstream understands, as they came; empty for a request that every engine can serve. */
  readonly upstreamFields: JsonObject
  /** Bytes of all text, for estimates: a token is at least one byte of it in every tokenizer that we serve. */
  readonly textBytes: number
}

/** How the router chooses (extension `provider`, a subset of OpenRouter's words). */
export type Routing = {
  readonly only: readonly string[]
  readonly order: readonly string[]
  readonly sort: 'price' | 'latency'
  /** Only providers whose answers can be executed again. */
  readonly reExecutable: boolean
}

/** Passed on as they are. An engine of ours that gets one refuses it rather than ignoring it. */
const UPSTREAM_FIELDS = [
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'response_format',
  'functions',
  'function_call',
  'logit_bias',
  'presence_penalty',
  'frequency_penalty',
  'reasoning_effort',
  'suffix',
  'echo',
  'best_of',
  'modalities',
  'audio',
  'prediction',
] as const

/** Values that say what an engine does anyway. */
const NEUTRAL: Readonly<Record<string, unknown>> = {
  presence_penalty: 0,
  frequency_penalty: 0,
  echo: false,
  best_of: 1,
  suffix: '',
  tool_choice: 'none',
}

/** Body of POST /v1/chat/completions. Throws OpenAiError. */
export function parseChatRequest(body: Uint8Array): GenerationRequest {
  return readChatRequest(parseJsonObject(body))
}

/** Body of POST /v1/completions. Throws OpenAiError. */
export function parseCompletionRequest(body: Uint8Array): GenerationRequest {
  return readCompletionRequest(parseJsonObject(body))
}

export function readChatRequest(fields: JsonObject): GenerationRequest {
  const { messages, plain, textBytes } = readMessages(fields)
  const wanted = optionalBoolean(fields, 'logprobs') ?? false
  const top = optionalInteger(fields, 'top_logprobs', [0, LIMITS.topLogprobsMax])
  if (top !== undefined && !wanted) {
    throw badRequest("'top_logprobs' is only allowed when 'logprobs' is true.", 'top_logprobs', 'invalid_value')
  }
  const common = readCommon(fields)
  return {
    ...common,
    kind: 'chat',
    messages,
    prompts: [],
    maxTokens: optionalInteger(fields, 'max_completion_tokens', [1, LIMITS.outputTokensMax]) ?? common.maxTokens,
    logprobs: { wanted, top: top ?? 0 },
    upstreamFields: { ...common.upstreamFields, ...(plain ? {} : { messages: fields.messages }) },
    textBytes,
  }
}

export function readCompletionRequest(fields: JsonObject): GenerationRequest {
  const prompts = readPrompts(fields.prompt)
  const top = optionalInteger(fields, 'logprobs', [0, LIMITS.topLogprobsMax])
  return {
    ...readCommon(fields),
    kind: 'completion',
    messages: [],
    prompts,
    logprobs: { wanted: top !== undefined, top: top ?? 0 },
    textBytes: prompts.reduce((sum, prompt) => sum + utf8Length(prompt), 0),
  }
}

type Common = Omit<GenerationRequest, 'kind' | 'messages' | 'prompts' | 'logprobs' | 'textBytes'>

function readCommon(fields: JsonObject): Common {
  const streamOptions = optionalObject(fields, 'stream_options')
  const stream = optionalBoolean(fields, 'stream') ?? false
  if (streamOptions !== undefined && !stream) {
    throw badRequest("'stream_options' is only allowed when 'stream' is true.", 'stream_options', 'invalid_value')
  }
  const seed = optionalInteger(fields, 'seed', [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER])
  const zerog = optionalObject(fields, 'zerog')
  return {
    model: readModel(fields),
    maxTokens: optionalInteger(fields, 'max_tokens', [1, LIMITS.outputTokensMax]),
    n: optionalInteger(fields, 'n', [1, LIMITS.choicesMax]) ?? 1,
    stop: readStop(fields.stop),
    temperatureMilli: Math.round((optionalNumber(fields, 'temperature', [0, 2]) ?? 1) * 1000),
    // 0 would keep no token at all; the smallest step keeps the likeliest.
    topPMilli: Math.max(1, Math.round((optionalNumber(fields, 'top_p', [0, 1]) ?? 1) * 1000)),
    topK: optionalInteger(fields, 'top_k', [0, 1_000_000]) ?? 0,
    seed: seed === undefined ? undefined : BigInt.asUintN(64, BigInt(seed)),
    stream,
    includeUsage: streamOptions === undefined ? false : (optionalBoolean(streamOptions, 'include_usage') ?? false),
    withTrace: zerog === undefined ? false : (optionalBoolean(zerog, 'trace') ?? false),
    routing: readRouting(fields),
    upstreamFields: Object.fromEntries(
      UPSTREAM_FIELDS.filter((name) => carriesMeaning(name, fields)).map((name) => [name, fields[name]]),
    ),
  }
}

/** Where a value only says what happens anyway, a request stays one that every engine can serve. */
function carriesMeaning(name: (typeof UPSTREAM_FIELDS)[number], fields: JsonObject): boolean {
  const value = fields[name]
  if (value === undefined || value === null || value === NEUTRAL[name]) return false
  if (name === 'response_format') return !(isObject(value) && value.type === 'text')
  if (name === 'tools' || name === 'functions') {
    const list = optionalArray(fields, name, LIMITS.toolsMax)
    return list !== undefined && list.length > 0
  }
  if (name === 'parallel_tool_calls' || name === 'tool_choice') return fields.tools !== undefined
  if (name === 'logit_bias') return !(isObject(value) && Object.keys(value).length === 0)
  return true
}

export function readModel(fields: JsonObject): string {
  const model = optionalString(fields, 'model', LIMITS.modelBytesMax)
  if (model === undefined || model === '')
    throw badRequest('you must provide a model parameter', 'model', 'missing_required_parameter')
  return model
}

function readRouting(fields: JsonObject): Routing {
  const provider = optionalObject(fields, 'provider')
  if (provider === undefined) return NO_ROUTING
  const names = (name: 'only' | 'order') =>
    (optionalArray(provider, name, LIMITS.routingNamesMax, `provider.${name}`) ?? []).map((value, index) => {
      if (typeof value === 'string' && /^0x[0-9a-fA-F]{40}$/.test(value)) return value.toLowerCase()
      throw badRequest(
        `'provider.${name}[${index}]' must be the address of a provider.`,
        `provider.${name}[${index}]`,
        'invalid_value',
      )
    })
  const sort = optionalString(provider, 'sort', 16, 'provider.sort') ?? 'price'
  if (sort !== 'price' && sort !== 'latency') {
    throw badRequest("'provider.sort' must be 'price' or 'latency'.", 'provider.sort', 'invalid_value')
  }
  return {
    only: names('only'),
    order: names('order'),
    sort,
    reExecutable: optionalBoolean(provider, 're_executable') ?? false,
  }
}
export const NO_ROUTING: Routing = { only: [], order: [], sort: 'price', reExecutable: false }

function readStop(value: unknown): readonly string[] {
  if (value === undefined || value === null) return []
  const list = Array.isArray(value) ? value : [value]
  if (list.length > LIMITS.stopsMax) {
    throw badRequest(
      `Invalid 'stop': at most ${LIMITS.stopsMax} sequences, got ${list.length}.`,
      'stop',
      'array_above_max_length',
    )
  }
  return list.map((stop, index) => {
    const path = Array.isArray(value) ? `stop[${index}]` : 'stop'
    if (typeof stop !== 'string') throw wrongType(path, 'a string', stop)
    if (stop === '') throw badRequest(`'${path}' must not be empty.`, path, 'invalid_value')
    return checkedText(stop, path, LIMITS.stopBytesMax)
  })
}

function readPrompts(value: unknown): readonly string[] {
  if (value === undefined || value === null) throw missing('prompt')
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.length === 0 || list.length > LIMITS.promptsMax) {
    throw badRequest(`Invalid 'prompt': 1 to ${LIMITS.promptsMax} prompts.`, 'prompt', 'invalid_value')
  }
  return list.map((prompt, index) => {
    const path = Array.isArray(value) ? `prompt[${index}]` : 'prompt'
    if (typeof prompt !== 'string') throw wrongType(path, 'a string (token ids depend on the model and are not taken)', prompt)
    return checkedText(prompt, path, LIMITS.textBytesMax)
  })
}

/** `plain`: every turn is text of a role that our own engines know, so nothing is lost in `messages`. */
function readMessages(fields: JsonObject): { messages: readonly ChatTurn[]; plain: boolean; textBytes: number } {
  const list = optionalArray(fields, 'messages', LIMITS.messagesMax)
  if (list === undefined) throw missing('messages')
  if (list.length === 0) throw badRequest("Invalid 'messages': at least one message.", 'messages', 'empty_array')
  let plain = true
  let textBytes = 0
  const messages = list.flatMap((message, index): ChatTurn[] => {
    const path = `messages[${index}]`
    if (!isObject(message)) throw wrongType(path, 'an object', message)
    const role = roleOf(message, path)
    const content = contentOf(message, path)
    textBytes += utf8Length(content.text)
    if (role === undefined || !content.plain || message.tool_calls != null || message.function_call != null) plain = false
    return role === undefined ? [] : [{ role, content: content.text }]
  })
  if (textBytes > LIMITS.textBytesMax) {
    throw badRequest(`Invalid 'messages': at most ${LIMITS.textBytesMax} bytes of text.`, 'messages', 'string_above_max_length')
  }
  return { messages, plain, textBytes }
}

/** undefined: a role that only an upstream knows. */
function roleOf(message: JsonObject, path: string): ChatTurn['role'] | undefined {
  switch (message.role) {
    case 'system':
    case 'developer':
      return 'system'
    case 'user':
    case 'assistant':
      return message.role
    case 'tool':
    case 'function':
      return undefined
    case undefined:
      throw missing(`${path}.role`)
    default:
      throw badRequest(
        `Invalid value for '${path}.role': expected system, developer, user, assistant or tool.`,
        `${path}.role`,
        'invalid_value',
      )
  }
}

function contentOf(message: JsonObject, path: string): { readonly text: string; readonly plain: boolean } {
  const { content } = message
  const at = `${path}.content`
  if (content === undefined || content === null) {
    // An assistant's turn that only calls tools has none.
    if (message.role === 'assistant' && (message.tool_calls != null || message.function_call != null))
      return { text: '', plain: false }
    throw missing(at)
  }
  if (typeof content === 'string') return { text: checkedText(content, at, LIMITS.textBytesMax), plain: true }
  const parts = optionalArray(message, 'content', LIMITS.contentPartsMax, at) ?? []
  const texts = parts.map((part, index) => {
    if (!isObject(part) || typeof part.type !== 'string') throw wrongType(`${at}[${index}]`, 'an object with a type', part)
    if (part.type !== 'text') return undefined
    if (typeof part.text !== 'string') throw wrongType(`${at}[${index}].text`, 'a string', part.text)
    return checkedText(part.text, `${at}[${index}].text`, LIMITS.textBytesMax)
  })
  return { text: texts.filter((text) => text !== undefined).join(''), plain: texts.every((text) => text !== undefined) }
}

/** Bytes of UTF-8 without making them. */
export function utf8Length(text: string): number {
  let length = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit < 0x80) continue
    // A pair of surrogates is four bytes: two units that count two each.
    length += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2
  }
  return length
}
