/** https://platform.openai.com/docs/guides/error-codes: what the official clients turn into their error classes by status. */
export type OpenAiErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'not_found_error'
  | 'insufficient_quota'
  | 'requests'
  | 'tokens'
  | 'server_error'

export type OpenAiErrorFields = {
  readonly status: 400 | 401 | 403 | 404 | 408 | 409 | 413 | 422 | 429 | 499 | 500 | 501 | 502 | 503 | 504
  readonly message: string
  readonly type?: OpenAiErrorType
  /** Path of the field in the request, e.g. `messages[1].content`. */
  readonly param?: string
  readonly code?: string
  /** When it is worth trying again; becomes `retry-after` and `retry-after-ms`. */
  readonly retryAfterMs?: number
}

/** An answer in OpenAI's error form. Thrown by parsers and by both HTTP faces; never holds keys or prompts. */
export class OpenAiError extends Error {
  override readonly name = 'OpenAiError'
  readonly status: OpenAiErrorFields['status']
  readonly fields: OpenAiErrorFields

  constructor(fields: OpenAiErrorFields, options?: { readonly cause?: unknown }) {
    super(fields.message, options)
    this.status = fields.status
    this.fields = fields
  }

  /** `{"error":{message,type,param,code}}` */
  body(): { readonly error: Record<'message' | 'type' | 'param' | 'code', string | null> } {
    const { message, type, param = null, code = null, status } = this.fields
    return { error: { message, type: type ?? typeOf(status), param, code } }
  }

  headers(): Readonly<Record<string, string>> {
    const { retryAfterMs } = this.fields
    if (retryAfterMs === undefined) return {}
    const ms = Math.max(1, Math.ceil(retryAfterMs))
    return { 'retry-after': String(Math.ceil(ms / 1000)), 'retry-after-ms': String(ms) }
  }
}

function typeOf(status: number): OpenAiErrorType {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  if (status === 404) return 'not_found_error'
  if (status === 429) return 'requests'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}

export function badRequest(message: string, param?: string, code?: string): OpenAiError {
  return new OpenAiError({
    status: 400,
    message,
    type: 'invalid_request_error',
    ...(param === undefined ? {} : { param }),
    ...(code === undefined ? {} : { code }),
  })
}

export function modelNotFound(model: string): OpenAiError {
  return new OpenAiError({
    status: 404,
    message: `The model \`${model.slice(0, 256)}\` does not exist or you do not have access to it. GET /v1/models lists what there is.`,
    type: 'invalid_request_error',
    param: 'model',
    code: 'model_not_found',
  })
}

export function unauthorized(message: string, code = 'invalid_api_key'): OpenAiError {
  return new OpenAiError({ status: 401, message, type: 'invalid_request_error', code })
}

export function quotaExceeded(message: string): OpenAiError {
  return new OpenAiError({ status: 429, message, type: 'insufficient_quota', code: 'insufficient_quota' })
}
