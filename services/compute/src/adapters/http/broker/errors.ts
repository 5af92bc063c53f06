import { HTTP_STATUS, type Reason, ZerogError } from '@zerog/primitives'
import { OpenAiError, type OpenAiErrorFields } from '../../../core/openai/errors.ts'

export type ErrorAnswer = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: unknown }

/** 0G's form: `{"error": "a sentence"}`. For its own routes, and for who is not let in anywhere. */
export function zeroGError(error: unknown): ErrorAnswer {
  const form = openAiForm(error)
  return { status: form.status, headers: form.headers(), body: { error: form.fields.message } }
}

/** OpenAI's form: `{"error": {message, type, param, code}}`. A 401 keeps 0G's form, which OpenAI's clients read too. */
export function openAiAnswer(error: unknown): ErrorAnswer {
  const form = openAiForm(error)
  if (form.status === 401) return zeroGError(error)
  return { status: form.status, headers: form.headers(), body: form.body() }
}

function openAiForm(error: unknown): OpenAiError {
  if (error instanceof OpenAiError) return error
  if (!(error instanceof ZerogError)) return new OpenAiError({ status: statusOfFramework(error), message: messageOf(error) })
  const status = STATUS[error.reason] ?? (HTTP_STATUS[error.status] as OpenAiErrorFields['status'])
  const hidden = error.status === 'INTERNAL' || error.status === 'DATA_LOSS'
  const { retryAfterMs } = error
  return new OpenAiError(
    {
      status,
      message: hidden ? 'an error on our side; the logs have it under the id of this request' : error.message,
      ...(error.reason === 'INSUFFICIENT_FUNDS' ? { type: 'insufficient_quota' as const } : {}),
      code: CODES[error.reason] ?? error.reason.toLowerCase(),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
    { cause: error },
  )
}

/** Where the HTTP face differs from the canonical mapping: 0G's broker answers 400 to an empty balance. */
const STATUS: Partial<Record<Reason, OpenAiErrorFields['status']>> = { INSUFFICIENT_FUNDS: 400, CANCELLED: 499 }
const CODES: Partial<Record<Reason, string>> = {
  INSUFFICIENT_FUNDS: 'insufficient_quota',
  RATE_LIMITED: 'rate_limit_exceeded',
  QUEUE_FULL: 'overloaded',
}

/** fastify's own refusals (body too large, unsupported media type) carry a status. */
function statusOfFramework(error: unknown): OpenAiErrorFields['status'] {
  const status = (error as { statusCode?: unknown }).statusCode
  return status === 413 ? 413 : typeof status === 'number' && status >= 400 && status < 500 ? 400 : 500
}

function messageOf(error: unknown): string {
  return statusOfFramework(error) === 500
    ? 'an error on our side; the logs have it under the id of this request'
    : String((error as Error).message)
}
